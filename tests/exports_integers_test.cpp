// `export --to integers`: every convolution, sum and average is computed again, in plain loops, from what the files
// hold.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/process.h"
#include "core/rng.h"
#include "error_testing.h"
#include "exports/integers.h"
#include "graph/passes.h"
#include "graph_samples.h"

namespace quench::exports {
namespace {

namespace fs = std::filesystem;
using graph::Graph;

/// Every operation with pixels as input.
Graph model_of(bool dyadic) {
  Graph graph = graph::samples::quantized(graph::samples::every_op(), {.pixels = true});
  if (dyadic) graph.metadata["requantization"] = "dyadic";
  return graph;
}

/// The same without a quantizer between a convolution and its SiLU: one is fused, and goes by floats.
Graph model_with_fused_silu() {
  Graph graph = model_of(false);
  for (const graph::Node& node : graph.nodes) {
    if (node.name == "model.0.act") graph.edge(node.inputs[0]).quant.reset();
  }
  return graph;
}

class Integers : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / fmt::format("quench-integers-{}", ::getpid());
    fs::remove_all(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  void write(const Graph& graph) {
    graph::ModelFile model;
    model.graph = graph;
    model.sha256 = "of the model";
    Tensor image(DType::u8, {1, 3, 16, 16});
    Rng rng(5, "image");
    for (uint8_t& pixel : image.mutable_values<uint8_t>()) pixel = static_cast<uint8_t>(rng.uniform(0, 256));
    write_integers(model, image, "picture.png", folder_);
    index_ = parse_json(read_file(folder_ / "index.json"), "index");
  }

  template <typename T>
  std::vector<T> read(const Json& array) const {
    const std::string bytes = read_file(folder_ / array.at("file").get<std::string>());
    std::vector<T> values(bytes.size() / sizeof(T));
    std::memcpy(values.data(), bytes.data(), bytes.size());
    int64_t size = 1;
    for (const Json& dim : array.at("shape")) size *= dim.get<int64_t>();
    EXPECT_EQ(size, std::ssize(values)) << array.dump();
    return values;
  }
  const Json& value(const Json& id) const { return index_["values"][id.get<size_t>()]; }
  std::vector<uint8_t> bytes_of(const Json& id) const { return read<uint8_t>(value(id)["array"]); }

  static int clamped(int64_t steps, const Json& change) {
    const int64_t zero = change["zero_point"], low = change["low"], high = change["high"];
    return static_cast<int>(std::clamp(steps, low - zero, high - zero) + zero);
  }
  static int64_t shifted(int64_t product, int64_t shift) { return (product + (int64_t{1} << (shift - 1))) >> shift; }

  float silu(float x) const {
    const float n = std::max(std::min(x, -x), index_["silu"]["least"].get<float>());
    float q = 0;
    const Json& terms = index_["silu"]["terms"];
    for (size_t i = terms.size(); i-- > 0;) q = std::fma(q, n, terms[i].get<float>());
    return std::fma(n, q, std::max(x, 0.0f));
  }

  /// Of a layer's output by plain loops and what the file has: how many differ.
  int64_t convolution(const Json& layer) const {
    const Json &in = value(layer["inputs"][0]), &out = value(layer["outputs"][0]);
    if (out["dtype"] != "uint8") return 0;
    int64_t differ = 0;
    const auto x = bytes_of(layer["inputs"][0]), wanted = bytes_of(layer["outputs"][0]);
    const auto w = read<int8_t>(layer["weight"]);
    const auto bias = read<int32_t>(layer["bias"]);
    const Json& change = layer["requantize"];
    const std::string by = change["by"];
    const bool dyadic = by == "dyadic";
    const auto multiplier = dyadic ? read<int32_t>(change["multiplier"]) : std::vector<int32_t>();
    const auto shift = dyadic ? read<int32_t>(change["shift"]) : std::vector<int32_t>();
    const auto factor = dyadic ? std::vector<float>() : read<float>(change["factor"]);
    const auto table = layer.contains("table") ? read<uint8_t>(layer["table"]) : std::vector<uint8_t>();
    const Json& shape = layer["weight"]["shape"];
    const int64_t outputs = shape[0], inputs = shape[1], rows = shape[2], columns = shape[3];
    const int64_t height = in["shape"][1], width = in["shape"][2], zero = in["zero_point"];
    const int64_t per_group = outputs / layer["groups"].get<int64_t>();
    size_t at = 0;
    for (int64_t o = 0; o < outputs; ++o) {
      for (int64_t y = 0; y < out["shape"][1].get<int64_t>(); ++y) {
        for (int64_t z = 0; z < out["shape"][2].get<int64_t>(); ++z, ++at) {
          int64_t total = bias[static_cast<size_t>(o)];
          for (int64_t i = 0; i < inputs; ++i) {
            for (int64_t k = 0; k < rows * columns; ++k) {
              const int64_t row = y * layer["stride"][0].get<int64_t>() - layer["padding"][0].get<int64_t>() +
                                  k / columns * layer["dilation"][0].get<int64_t>();
              const int64_t column = z * layer["stride"][1].get<int64_t>() - layer["padding"][1].get<int64_t>() +
                                     k % columns * layer["dilation"][1].get<int64_t>();
              if (row < 0 || row >= height || column < 0 || column >= width) continue;
              const int64_t channel = o / per_group * inputs + i;
              total += (x[static_cast<size_t>((channel * height + row) * width + column)] - zero) *
                       w[static_cast<size_t>((o * inputs + i) * rows * columns + k)];
            }
          }
          int64_t steps = 0;
          if (dyadic) {
            steps = shifted(total * multiplier[static_cast<size_t>(o)], shift[static_cast<size_t>(o)]);
          } else {
            float scaled = static_cast<float>(total) * factor[static_cast<size_t>(o)];
            if (by == "silu") scaled = silu(scaled) * change["steps"].get<float>();
            steps = std::llround(std::nearbyint(std::clamp(scaled, -1e6f, 1e6f)));
          }
          int q = clamped(steps, change);
          if (!table.empty()) q = table[static_cast<size_t>(q)];
          differ += q != wanted[at];
        }
      }
    }
    return differ;
  }

  int64_t sum(const Json& layer) const {
    int64_t differ = 0;
    const auto a = bytes_of(layer["inputs"][0]), b = bytes_of(layer["inputs"][1]), y = bytes_of(layer["outputs"][0]);
    const int64_t zero_a = value(layer["inputs"][0])["zero_point"], zero_b = value(layer["inputs"][1])["zero_point"];
    const Json& change = layer["requantize"];
    for (size_t i = 0; i < y.size(); ++i) {
      int64_t steps = 0;
      if (change["by"] == "dyadic") {
        const Json& m = change["multipliers"];
        steps = shifted((a[i] - zero_a) * m[0].get<int64_t>() + (b[i] - zero_b) * m[1].get<int64_t>(), change["shift"]);
      } else {
        const auto left = static_cast<float>(a[i] - zero_a) * change["factors"][0].get<float>();
        const auto right = static_cast<float>(b[i] - zero_b) * change["factors"][1].get<float>();
        steps = std::llround(std::nearbyint(left + right));
      }
      differ += clamped(steps, change) != y[i];
    }
    return differ;
  }

  int64_t average(const Json& layer) const {
    int64_t differ = 0;
    const auto x = bytes_of(layer["inputs"][0]), y = bytes_of(layer["outputs"][0]);
    const int64_t zero = value(layer["inputs"][0])["zero_point"];
    const Json& change = layer["requantize"];
    const size_t area = x.size() / y.size();
    for (size_t c = 0; c < y.size(); ++c) {
      int64_t sum = 0;
      for (size_t i = 0; i < area; ++i) sum += x[c * area + i] - zero;
      const int64_t steps = change["by"] == "dyadic"
                                ? shifted(sum * change["multiplier"].get<int64_t>(), change["shift"])
                                : std::llround(std::nearbyint(static_cast<float>(sum) * change["factor"].get<float>()));
      differ += clamped(steps, change) != y[c];
    }
    return differ;
  }

  void expect_all(size_t convolutions) const {
    size_t seen = 0;
    for (const Json& layer : index_["layers"]) {
      const std::string kind = layer["kind"];
      const int64_t differ = kind == "conv_u8"   ? convolution(layer)
                             : kind == "add_u8"  ? sum(layer)
                             : kind == "average" ? average(layer)
                                                 : 0;
      EXPECT_EQ(differ, 0) << layer["name"];
      seen += layer["kind"] == "conv_u8";
    }
    EXPECT_EQ(seen, convolutions);
  }

  fs::path folder_;
  Json index_;
};

constexpr size_t kLayers = 4;  // of every_op

TEST_F(Integers, EveryLayerFollowsFromTheFiles) {
  write(model_of(false));
  EXPECT_EQ(index_["requantization"], "float");
  expect_all(kLayers);
}

TEST_F(Integers, InIntegersAloneToo) {
  write(model_of(true));
  EXPECT_EQ(index_["requantization"], "dyadic");
  expect_all(kLayers);
  for (const Json& layer : index_["layers"]) {
    if (layer["kind"] != "conv_u8" || value(layer["outputs"][0])["dtype"] != "uint8") continue;
    EXPECT_EQ(layer["requantize"]["by"], "dyadic") << layer["name"];
  }
}

TEST_F(Integers, ASiluOfSums) {
  write(model_with_fused_silu());
  const auto silu = [](const Json& layer) { return layer["kind"] == "conv_u8" && layer["requantize"]["by"] == "silu"; };
  EXPECT_EQ(std::ranges::count_if(index_["layers"], silu), 1);
  expect_all(kLayers);
}

// A law of the test itself: an array that is changed is noticed.
TEST_F(Integers, ChangedFilesAreNoticed) {
  write(model_of(true));
  const Json& layer =
      *std::ranges::find_if(index_["layers"], [](const Json& each) { return each["kind"] == "add_u8"; });
  auto made = bytes_of(layer["outputs"][0]);
  made[3] ^= 1;
  write_file(folder_ / value(layer["outputs"][0])["array"]["file"].get<std::string>(),
             {reinterpret_cast<const char*>(made.data()), made.size()});
  EXPECT_EQ(sum(layer), 1);
}

TEST_F(Integers, ValuesThatMoveAreThere) {
  Graph graph = model_of(false);
  for (graph::Edge& edge : graph.edges) {
    if (edge.quant && edge.name != "images") edge.quant->scale = {0.1f}, edge.quant->zero_point = {85};
  }
  write(graph);
  size_t seen = 0;
  for (const Json& layer : index_["layers"]) {
    if (layer["kind"] != "upsample") continue;
    ++seen;
    const auto x = bytes_of(layer["inputs"][0]), y = bytes_of(layer["outputs"][0]);
    const size_t width = value(layer["inputs"][0])["shape"][2];
    const size_t factor = layer["factor"], wide = factor * width;
    ASSERT_EQ(y.size(), x.size() * factor * factor);
    for (size_t i = 0; i < y.size(); ++i) ASSERT_EQ(y[i], x[i / wide / factor * width + i % wide / factor]) << i;
  }
  EXPECT_EQ(seen, 1u);
  ASSERT_EQ(index_["outputs"].size(), 2u);
  EXPECT_EQ(index_["image"], "picture.png");
}

/// The first block of Python in the page.
std::string reader_of_docs() {
  const std::string page = read_file(fs::path(QUENCH_SOURCE_DIR) / "docs/export.md");
  const size_t begin = page.find("```python\n"), end = page.find("```", begin + 10);
  return begin == std::string::npos ? "" : page.substr(begin + 10, end - begin - 10);
}

TEST_F(Integers, TheReaderOfTheDocsFindsTheSameBits) {
  const std::string reader = reader_of_docs();
  ASSERT_FALSE(reader.empty());
  EXPECT_LE(std::ranges::count(reader, '\n'), 60);
  if (std::system("python3 -c 1 >/dev/null 2>&1") != 0) GTEST_SKIP() << "no python3 on this machine";
  for (const Graph& graph : {model_of(true), model_of(false), model_with_fused_silu()}) {
    fs::remove_all(folder_);
    write(graph);
    write_file(folder_ / "reader.py", reader);
    for (const char* layer : {"model.0.conv", "model.1.conv"}) {
      const ProcessResult said = run_process({"python3", (folder_ / "reader.py").string(), folder_.string(), layer});
      EXPECT_EQ(said.exit_code, 0) << said.error;
      EXPECT_NE(said.output.find("0 differ"), std::string::npos) << said.output;
    }
  }
}

TEST_F(Integers, BadRequests) {
  const auto expect_error = [this](const Graph& graph, ErrorKind kind, const std::string& part) {
    const auto [got, message] = error_of([&] { write(graph); });
    EXPECT_EQ(got, kind) << message;
    EXPECT_NE(message.find(part), std::string::npos) << message;
  };
  expect_error(graph::samples::every_op(), ErrorKind::config, "quantized model");
  expect_error(graph::samples::quantized(graph::samples::every_op(), {.symmetric = true}), ErrorKind::config, "pixels");
  expect_error(graph::samples::quantized(graph::samples::every_op(), {.pixels = true, .dynamic = true}),
               ErrorKind::unsupported, "dynamic");
  expect_error(graph::samples::quantized(graph::samples::every_op(), {.integer = false, .pixels = true}),
               ErrorKind::unsupported, "convert");
  write_file(folder_, "a file");
  expect_error(model_of(true), ErrorKind::config, "folder");
}

}  // namespace
}  // namespace quench::exports
