// quench-native-digest FIRST COUNT: runs COUNT random graphs in the native engine on every instruction set that this
// processor has, on 1 and 3 threads, and prints a line for each: seed, instruction set, threads, SHA-256 of all output
// bits. Lines of one seed must be equal wherever they are made.
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <exception>

#include "core/error.h"
#include "core/hash.h"
#include "random_graphs.h"
#include "runtime/native/isa.h"
#include "runtime/native/native.h"

namespace quench {
namespace {

void add_bits(const std::vector<Tensor>& outputs, std::string& bits) {
  for (const Tensor& output : outputs) bits.append(reinterpret_cast<const char*>(output.bytes()), output.size_bytes());
}

/// What decides a graph's outputs. Not its file, which names the version that wrote it.
void add_graph(const graph::Graph& graph, std::string& bits) {
  for (const graph::Node& node : graph.nodes) bits += node.name + graph::to_string(node.op);
  for (const auto& [name, weight] : graph.weights) {
    bits.append(name).append(reinterpret_cast<const char*>(weight.value.bytes()), weight.value.size_bytes());
  }
}

/// The outputs of two runs: the second finds the memory as the first one left it.
void add_runs(const graph::Graph& graph, const Tensor& images, const char* isa, int threads, std::string& bits) {
  graph::ModelFile file;
  file.graph = graph;
  const auto session = runtime::native_runtime()->load(file, {.threads = threads, .profile_path = "", .isa = isa});
  for (int run = 0; run < 2; ++run) add_bits(session->run(images), bits);
}

void print_digests(uint64_t seed) {
  const graph::Graph graph = graph::samples::random_graph(seed), wide = graph::samples::wide_graph(seed);
  const Tensor images = graph::samples::random_images(graph, seed, 1 + seed % 2);
  const Tensor wide_images = graph::samples::random_images(wide, seed, 1);
  std::string bits;
  add_graph(graph, bits);
  add_graph(wide, bits);
  add_bits({images, wide_images}, bits);
  fmt::print("{} case 0 {}\n", seed, sha256_hex(bits));
  for (const runtime::native::Isa isa : runtime::native::available_isas()) {
    for (const int threads : {1, 3}) {
      const char* name = runtime::native::to_string(isa);
      bits.clear();
      add_runs(graph, images, name, threads, bits);
      if (seed % 4 == 0) add_runs(wide, wide_images, name, threads, bits);  // they take longer than all others
      // Those that can be run with integer factors, too.
      graph::Graph dyadic = graph;
      dyadic.metadata["requantization"] = "dyadic";
      try {
        add_runs(dyadic, images, name, threads, bits);
      } catch (const Error& error) {
        if (error.kind() != ErrorKind::unsupported) throw;
      }
      fmt::print("{} {} {} {}\n", seed, name, threads, sha256_hex(bits));
    }
  }
}

}  // namespace
}  // namespace quench

int main(int count, char** arguments) {
  if (count != 3) {
    fmt::print(stderr, "usage: quench-native-digest FIRST COUNT\n");
    return 2;
  }
  const uint64_t first = std::strtoull(arguments[1], nullptr, 10), seeds = std::strtoull(arguments[2], nullptr, 10);
  for (uint64_t seed = first; seed < first + seeds; ++seed) {
    try {
      quench::print_digests(seed);
    } catch (const std::exception& error) {
      fmt::print(stderr, "seed {}: {}\n", seed, error.what());
      return 1;
    }
  }
  return 0;
}
