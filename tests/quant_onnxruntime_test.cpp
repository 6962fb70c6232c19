#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "config/tables.h"
#include "core/hash.h"
#include "data/loading/loader.h"
#include "graph/onnx_write.h"
#include "models/spec.h"
#include "nn/torch_runtime.h"
#include "quant/quantize.h"
#include "quant_testing.h"
#include "runtime/onnxruntime.h"

namespace quench::quant {
namespace {

constexpr int kSize = 64;

graph::ModelFile in_memory(const graph::Graph& graph) {
  std::string bytes = graph::write_onnx(graph);
  std::string sha256 = sha256_hex(bytes);
  return {"memory.onnx", std::move(bytes), std::move(sha256), graph};
}

// A classifier or detector with random weights whose batch norms are set so that values keep their size.
graph::Graph random_model(const std::string& name) {
  models::BuildOptions options;
  options.classes.clear();
  for (int i = 0; i < 10; ++i) options.classes.push_back("class" + std::to_string(i));
  options.imgsz = kSize;
  options.seed = 7;
  graph::Graph graph = models::build(name, options);
  Rng rng(3, "batch-norms");
  for (auto& [weight_name, weight] : graph.weights) {
    if (weight.value.dtype() != DType::f32) continue;
    if (weight_name.ends_with("running_var")) {
      for (float& v : weight.value.mutable_values<float>()) v = static_cast<float>(rng.uniform(0.02, 0.1));
    }
    if (weight_name.ends_with("linear.weight")) {
      for (float& v : weight.value.mutable_values<float>()) v *= 8;
    }
  }
  return graph;
}

Tensor pixels(int64_t count) {
  const NoiseDataset noise(count, kSize);
  data::LoaderOptions options;
  options.imgsz = kSize;
  options.batch = count;
  data::Loader loader(std::make_shared<NoiseDataset>(count, kSize), options);
  loader.start(0);
  return data::to_planar(loader.next()->images);
}

graph::Graph quantized(const graph::Graph& graph, std::initializer_list<std::pair<const char*, Json>> changes = {}) {
  Json config = config::quantize_options().defaults();
  config["target"] = "onnxruntime";
  config["calibration_images"] = 32;
  for (const auto& [key, value] : changes) config[key] = value;
  return convert(prepare(graph, noise_splits(64, kSize), config, {}, CancelToken{}).graph);
}

struct Agreement {
  double worst = 0;  ///< largest difference of an output, as a share of the outputs' spread
  double mean = 0;   ///< mean difference, likewise
  double top1 = 0;
};

Agreement compare(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  Agreement out;
  for (size_t o = 0; o < a.size(); ++o) {
    const auto x = a[o].values<float>(), y = b.at(o).values<float>();
    const auto [low, high] = std::minmax_element(x.begin(), x.end());
    double sum = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      out.worst = std::max(out.worst, std::abs(x[i] - y[i]) / static_cast<double>(*high - *low));
      sum += std::abs(x[i] - y[i]) / static_cast<double>(*high - *low);
    }
    out.mean = std::max(out.mean, sum / static_cast<double>(x.size()));
  }
  const int64_t images = a[0].shape()[0];
  const size_t classes = a[0].values<float>().size() / static_cast<size_t>(images);
  for (int64_t i = 0; i < images; ++i) {
    const auto top = [&](const Tensor& t) {
      const auto row = t.values<float>().subspan(static_cast<size_t>(i) * classes, classes);
      return std::max_element(row.begin(), row.end()) - row.begin();
    };
    out.top1 += (top(a[0]) == top(b[0])) / static_cast<double>(images);
  }
  return out;
}

class OnnxRuntimeInt8 : public testing::Test {
 protected:
  void SetUp() override {
    const runtime::Availability availability = runtime_->availability();
    if (!availability.available) GTEST_SKIP() << availability.reason;
  }
  std::vector<Tensor> run(const graph::ModelFile& model, const Tensor& input) const {
    return runtime_->load(model, {})->run(input);
  }
  const std::unique_ptr<runtime::Runtime> runtime_ = runtime::onnxruntime_runtime();
};

int64_t count_of(const graph::Graph& graph, graph::Op op) {
  return std::count_if(graph.nodes.begin(), graph.nodes.end(), [&](const graph::Node& node) { return node.op == op; });
}

// Every convolution, and what lies between, runs on integers: nothing is dequantized but the head's output.
TEST_F(OnnxRuntimeInt8, ClassifiersRunInIntegersFromEndToEnd) {
  for (const char* name : {"yolov5n-cls", "yolov8n-cls"}) {
    const std::vector<std::pair<const char*, Json>> variants = {
        {"weights", "per_channel"}, {"weights", "per_tensor"}, {"activations", "symmetric"}};
    for (const auto& variant : variants) {
      const graph::Graph graph = quantized(random_model(name), {variant});
      const auto operators = runtime::optimized_operators(in_memory(graph));
      std::string all;
      for (const auto& [type, count] : operators) all += fmt::format("{} x{}  ", type, count);
      SCOPED_TRACE(all);
      const runtime::Int8Count int8 = runtime::count_int8(operators);
      EXPECT_EQ(int8.convs, count_of(graph, graph::Op::conv));
      EXPECT_EQ(int8.convs_int8, int8.convs);
      EXPECT_EQ(int8.linears, 1);
      EXPECT_EQ(int8.linears_int8, 1);
      for (const char* in_float : {"Sigmoid", "Mul", "Add", "Concat", "GlobalAveragePool", "com.microsoft.QuickGelu"}) {
        EXPECT_FALSE(operators.count(in_float)) << name << ": " << in_float;
      }
    }
  }
}

TEST_F(OnnxRuntimeInt8, DetectorsRunInIntegersUpToTheirHeadConvolutions) {
  for (const char* name : {"yolov5n", "yolov8n"}) {
    const graph::Graph graph = quantized(random_model(name));
    const runtime::Int8Count int8 = runtime::count_int8(runtime::optimized_operators(in_memory(graph)));
    EXPECT_EQ(int8.convs, count_of(graph, graph::Op::conv)) << name;
    EXPECT_EQ(int8.convs - int8.convs_int8, name == std::string("yolov5n") ? 3 : 6) << name;
  }
}

TEST_F(OnnxRuntimeInt8, AgreesWithTheSimulation) {
  const Tensor input = pixels(64);
  for (const char* name : {"yolov5n-cls", "yolov8n-cls"}) {
    const graph::ModelFile model = in_memory(quantized(random_model(name)));
    const auto simulated = nn::torch_runtime()->load(model, {})->run(input);
    const Agreement agreement = compare(simulated, run(model, input));
    RecordProperty(std::string(name) + "_mean", fmt::format("{:.5f}", agreement.mean));
    EXPECT_LT(agreement.mean, 0.01) << name;
    EXPECT_LT(agreement.worst, 0.06) << name;
    EXPECT_GE(agreement.top1, 0.9) << name;
  }
}

// The codes of levels become int8 weights when the file is loaded, so that its integer kernels run them.
TEST_F(OnnxRuntimeInt8, LevelsRunInIntegersFromPackedCodes) {
  const Tensor input = pixels(16);
  for (const int bits : {2, 4}) {
    const graph::ModelFile model =
        in_memory(quantized(random_model("yolov5n-cls"), {{"levels", "kmeans"}, {"bits_w", bits}}));
    const runtime::Int8Count int8 = runtime::count_int8(runtime::optimized_operators(model));
    EXPECT_EQ(int8.convs, count_of(model.graph, graph::Op::conv));
    EXPECT_EQ(int8.convs_int8, int8.convs);
    EXPECT_EQ(int8.linears_int8, 1);
    EXPECT_LT(compare(nn::torch_runtime()->load(model, {})->run(input), run(model, input)).mean, 0.02) << bits;
  }
}

// So do codes times the factors of their groups.
TEST_F(OnnxRuntimeInt8, GroupsRunInIntegersFromPackedCodes) {
  const Tensor input = pixels(16);
  for (const int bits : {2, 4}) {
    const graph::ModelFile model = in_memory(
        quantized(random_model("yolov5n-cls"), {{"group_size", 16}, {"bits_w", bits}, {"weight_scales", "mse"}}));
    const runtime::Int8Count int8 = runtime::count_int8(runtime::optimized_operators(model));
    EXPECT_EQ(int8.convs_int8, count_of(model.graph, graph::Op::conv));
    EXPECT_EQ(int8.linears_int8, 1);
    EXPECT_LT(compare(nn::torch_runtime()->load(model, {})->run(input), run(model, input)).mean, 0.02) << bits;
  }
}

TEST_F(OnnxRuntimeInt8, EveryVariantRunsAndAgrees) {
  const Tensor input = pixels(16);
  const graph::Graph base = random_model("yolov5n-cls");
  const std::vector<std::pair<const char*, Json>> variants = {{"weights", "per_tensor"},
                                                              {"activations", "symmetric"},
                                                              {"bits_w", 7},
                                                              {"bits_a", 6},
                                                              {"observer", "minmax"},
                                                              {"float_layers", Json::array({"model.9."})},
                                                              {"float_layers", Json::array({"model.0.conv"})}};
  for (const auto& variant : variants) {
    const graph::ModelFile model = in_memory(quantized(base, {variant}));
    const Agreement agreement = compare(nn::torch_runtime()->load(model, {})->run(input), run(model, input));
    EXPECT_LT(agreement.mean, 0.02) << variant.first << " " << variant.second;
  }
}

}  // namespace
}  // namespace quench::quant
