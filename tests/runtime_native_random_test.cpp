// The native engine on random graphs: the bits of the plain integer executor where that defines them, and the same bits
// on every instruction set of this processor, at 1 and 3 threads. runtime_native_arm_test does the latter across
// processors.
#include <gtest/gtest.h>

#include <set>

#include "core/error.h"
#include "integer_executor.h"
#include "random_graphs.h"
#include "runtime/native/isa.h"
#include "runtime/native/layout.h"
#include "runtime/native/native.h"
#include "runtime/native/sparse_blocks.h"

namespace quench::runtime {
namespace {

using graph::samples::random_graph;
using graph::samples::random_images;

constexpr uint64_t kGraphs = 400;

std::unique_ptr<Session> load(const graph::Graph& graph, native::Isa isa, int threads) {
  graph::ModelFile file;
  file.graph = graph;
  return native_runtime()->load(file, {.threads = threads, .profile_path = "", .isa = native::to_string(isa)});
}

TEST(NativeRandomGraphs, SameBitsOnEveryInstructionSet) {
  for (uint64_t seed = 0; seed < kGraphs; ++seed) {
    const graph::Graph graph = random_graph(seed);
    const Tensor images = random_images(graph, seed, 1 + seed % 2);
    const std::vector<Tensor> expected = load(graph, native::Isa::plain, 1)->run(images);
    for (const native::Isa isa : native::available_isas()) {
      for (const int threads : {1, 3}) {
        const auto session = load(graph, isa, threads);
        EXPECT_EQ(session->run(images), expected)
            << "seed " << seed << ", " << native::to_string(isa) << ", " << threads;
        EXPECT_EQ(session->run(images), expected) << "seed " << seed << ": the second run differs";
      }
    }
  }
}

TEST(NativeRandomGraphs, EqualTheIntegerExecutor) {
  int compared = 0;
  for (uint64_t seed = 0; seed < kGraphs; ++seed) {
    const graph::Graph graph = random_graph(seed);
    const Tensor image = random_images(graph, seed, 1);
    try {
      const std::vector<Tensor> expected = graph::reference::execute_integer(graph, image);
      EXPECT_EQ(load(graph, native::Isa::plain, 1)->run(image), expected) << "seed " << seed;
      ++compared;
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::unsupported) throw;
    }
  }
  EXPECT_GT(compared, 50);
}

TEST(NativeRandomGraphs, OfIntegerFactorsEqualTheExecutorOnEveryInstructionSet) {
  int compared = 0, apart = 0;
  for (uint64_t seed = 0; seed < kGraphs; ++seed) {
    graph::Graph graph = random_graph(seed);
    const Tensor image = random_images(graph, seed, 1);
    try {
      const std::vector<Tensor> floats = graph::reference::execute_integer(graph, image);
      graph.metadata["requantization"] = "dyadic";
      const std::vector<Tensor> expected = graph::reference::execute_dyadic(graph, image);
      for (const native::Isa isa : native::available_isas()) {
        for (const int threads : {1, 3}) {
          EXPECT_EQ(load(graph, isa, threads)->run(image), expected)
              << "seed " << seed << ", " << native::to_string(isa) << ", " << threads;
        }
      }
      ++compared;
      apart += expected != floats;
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::unsupported) throw;
    }
  }
  EXPECT_GT(compared, 50);
  EXPECT_GT(apart, 0) << "halves are rounded as floats round them: the test proves little";
}

/// Whether the engine skips blocks of zeros of an instruction's first group.
bool is_sparse(const native::Program& program, const native::Instruction& instruction) {
  if (instruction.weight.size() == 0) return false;
  const native::Kernels& kernels = *native::kernels_for(native::Isa::plain);
  const auto value = [&](int id) { return program.values[static_cast<size_t>(id)]; };
  const int64_t groups = std::get<graph::ConvAttributes>(instruction.attributes).groups;
  const int64_t channels = instruction.weight.shape()[0] / groups;
  if (instruction.kind == native::Kind::conv_f32) {
    const auto floats =
        native::sparse_blocks(native::pack_f32(instruction, kernels, 0, channels, groups == 1), kernels);
    return floats && !floats->step.empty();
  }
  const native::PackedU8 packed = native::pack_u8(instruction, value(instruction.inputs[0]),
                                                  value(instruction.outputs[0]), kernels, 0, channels, groups == 1);
  const auto sparse = native::sparse_blocks(packed, kernels);
  return sparse && !sparse->step.empty();
}

// What the others are worth: everything that the engine has is met.
TEST(NativeRandomGraphs, MeetEveryInstruction) {
  std::set<std::string> kinds;
  int in_place = 0, copied = 0, direct = 0, tables = 0, halos = 0, slices = 0, sparse_u8 = 0, sparse_f32 = 0;
  for (uint64_t seed = 0; seed < kGraphs; ++seed) {
    const native::Program program = native::lower(random_graph(seed));
    const native::Layout layout = native::lay_out(program);
    for (const native::Instruction& instruction : program.instructions) {
      const bool to_float = !program.values[static_cast<size_t>(instruction.outputs[0])].is_u8;
      kinds.insert(std::string(native::to_string(instruction.kind)) + (to_float ? " f32" : " u8"));
      tables += instruction.kind == native::Kind::conv_u8 && instruction.table;
      (instruction.kind == native::Kind::conv_f32 ? sparse_f32 : sparse_u8) += is_sparse(program, instruction);
      if (instruction.kind != native::Kind::concat) continue;
      for (size_t i = 0; i < instruction.inputs.size(); ++i) {
        (native::in_place(layout, program, instruction, i) ? in_place : copied) += 1;
      }
    }
    for (const native::Program::Output& output : program.outputs) direct += output.direct;
    for (const native::Buffer& buffer : layout.buffers) halos += buffer.halo > 0;
    for (const native::Place& place : layout.places) slices += place.channel > 0;
  }
  const std::set<std::string> all{
      "load u8",     "load f32",     "conv_u8 u8",  "conv_u8 f32",   "conv_f32 f32",       "table u8",
      "add_u8 u8",   "add_f32 f32",  "mul_f32 f32", "unary_f32 f32", "quantize u8",        "dequantize f32",
      "max_pool u8", "max_pool f32", "upsample u8", "upsample f32",  "average u8",         "average f32",
      "split u8",    "split f32",    "concat u8",   "concat f32",    "quantize_dynamic u8"};
  EXPECT_EQ(kinds, all);
  for (const int count : {in_place, copied, direct, tables, halos, slices, sparse_u8, sparse_f32}) EXPECT_GT(count, 30);
}

}  // namespace
}  // namespace quench::runtime
