// `requantization: dyadic` of quantize: what the file tells, who can run it, and that whole models are integers from
// the image to the last layer, to the bit of an executor that has no floats there.
#include <gtest/gtest.h>

#include <cmath>

#include "config/tables.h"
#include "core/error.h"
#include "core/hash.h"
#include "core/rng.h"
#include "graph/onnx_read.h"
#include "graph/onnx_write.h"
#include "integer_executor.h"
#include "nn/torch_runtime.h"
#include "quant/without_quantizers.h"
#include "quant_refine_testing.h"
#include "random_classifier.h"
#include "runtime/native/isa.h"
#include "runtime/native/native.h"
#include "runtime/native/program.h"
#include "runtime/registry.h"
#include "runtime/requantization.h"

namespace quench::quant {
namespace {

constexpr int64_t kSize = 64;

graph::Graph dyadic(const graph::Graph& model, int64_t size,
                    std::initializer_list<std::pair<const char*, Json>> more = {}) {
  Json config = config::quantize_options().defaults();
  config["calibration_images"] = 32;
  config["requantization"] = "dyadic";
  for (const auto& [key, value] : more) config[key] = value;
  return prepare(model, noise_splits(32, size), config, {}, CancelToken{}).graph;
}

/// Through its file.
graph::ModelFile written(const graph::Graph& graph) {
  graph::ModelFile file{"memory.onnx", graph::write_onnx(graph), "", {}};
  file.graph = graph::read_onnx(file.bytes, "memory.onnx");
  file.sha256 = sha256_hex(file.bytes);
  return file;
}

TEST(DyadicRequantization, WholeModelsAreIntegersToTheBit) {
  for (const auto& [name, bits] :
       {std::pair{"yolov5n-cls", 8}, {"yolov8n-cls", 8}, {"yolov8n-cls", 4}, {"yolov5n", 8}}) {
    const graph::ModelFile file = written(convert(dyadic(random_classifier(name, kSize), kSize, {{"bits_w", bits}})));
    ASSERT_TRUE(runtime::has_dyadic_requantization(file.graph));
    // Nothing of a float becomes a byte again: all that has floats stands behind the last bytes.
    for (const runtime::native::Instruction& instruction : runtime::native::lower(file.graph).instructions) {
      EXPECT_NE(instruction.kind, runtime::native::Kind::quantize) << instruction.name;
    }
    Tensor image(DType::u8, {1, 3, kSize, kSize});
    Rng pixels(9, "pixels");
    for (uint8_t& value : image.mutable_values<uint8_t>()) value = static_cast<uint8_t>(pixels.below(256));
    const bool head_in_float = std::string(name) == "yolov5n";  // whose order of additions the executor leaves open
    std::vector<Tensor> expected;
    if (!head_in_float) expected = graph::reference::execute_dyadic(file.graph, image);
    for (const runtime::native::Isa isa : runtime::native::available_isas()) {
      const auto session = runtime::native_runtime()->load(
          file, {.threads = 1, .profile_path = "", .isa = runtime::native::to_string(isa)});
      const std::vector<Tensor> found = session->run(image);
      if (expected.empty()) expected = found;
      EXPECT_EQ(found, expected) << name << " on " << runtime::native::to_string(isa);
      EXPECT_EQ(session->notes().back(), "requantization: dyadic; values that become bytes from floats: 0");
    }
    float largest = 0;
    for (const float v : expected[0].values<float>()) largest = std::max(largest, std::abs(v));
    EXPECT_GT(largest, 0);
  }
}

TEST(DyadicRequantization, IsTheSimulationButForBorders) {
  const graph::ModelFile file = written(convert(dyadic(random_classifier("yolov5n-cls", kSize), kSize)));
  const auto engine = runtime::native_runtime()->load(file, {.threads = 1});
  const auto simulation = nn::torch_runtime()->load(file, {.threads = 1});
  for (uint64_t seed = 0; seed < 8; ++seed) {
    Tensor image(DType::u8, {1, 3, kSize, kSize});
    Rng pixels(seed, "pixels");
    for (uint8_t& value : image.mutable_values<uint8_t>()) value = static_cast<uint8_t>(pixels.below(256));
    const Tensor found = engine->run(image)[0], simulated = simulation->run(image)[0];
    double apart = 0, size = 0;
    for (size_t i = 0; i < found.values<float>().size(); ++i) {
      apart += std::pow(found.values<float>()[i] - simulated.values<float>()[i], 2);
      size += std::pow(simulated.values<float>()[i], 2);
    }
    EXPECT_LT(apart, 1e-3 * size) << seed;  // some bytes are a step apart: 30 dB and more (1e-8 where none is)
  }
}

TEST(DyadicRequantization, TheFileTellsAndSiluIsATable) {
  const graph::Graph made = dyadic(branched_graph(), 16);
  EXPECT_EQ(made.metadata.at("requantization"), "dyadic");
  EXPECT_FALSE(without_quantizers(made).metadata.contains("requantization"));
  EXPECT_FALSE(prepared_graph(branched_graph()).metadata.contains("requantization"));
  EXPECT_FALSE(prepared_graph(branched_graph(), {{"requantization", "float"}}).metadata.contains("requantization"));
  // The same quantizers as with silu_tables.
  const graph::Graph tables = dyadic(branched_graph(), 16, {{"requantization", "float"}, {"silu_tables", true}});
  ASSERT_EQ(made.edges.size(), tables.edges.size());
  for (size_t i = 0; i < made.edges.size(); ++i) EXPECT_EQ(made.edges[i].quant, tables.edges[i].quant);
  // Other mechanisms compose with it.
  for (const auto& more : std::initializer_list<std::pair<const char*, Json>>{
           {"scales", "power_of_two"}, {"levels", "kmeans"}, {"group_size", 16}, {"activations", "symmetric"}}) {
    EXPECT_NO_THROW(runtime::native_runtime()->load(
        written(convert(dyadic(branched_graph(), 16, {more, {"bits_w", 4}}))), {.threads = 1}))
        << more.first;
  }
}

std::pair<ErrorKind, std::string> said(const std::function<void()>& run) {
  try {
    run();
  } catch (const Error& error) {
    return {error.kind(), error.what()};
  }
  return {ErrorKind::internal, "nothing"};
}

TEST(DyadicRequantization, OtherTargetsAndRuntimesAreRefused) {
  for (const char* target : {"onnxruntime", "tensorrt"}) {
    const auto [kind, text] = said([&] { dyadic(branched_graph(), 16, {{"target", target}}); });
    EXPECT_EQ(kind, ErrorKind::config);
    EXPECT_NE(text.find(std::string("got ") + target), std::string::npos) << text;
  }
  const auto [kind, text] = said([&] { dyadic(branched_graph(), 16, {{"activation_scales", "dynamic"}}); });
  EXPECT_EQ(kind, ErrorKind::config);
  EXPECT_NE(text.find("activation_scales: static"), std::string::npos) << text;
  const auto [choice, choices] = said([&] { dyadic(branched_graph(), 16, {{"requantization", "shifts"}}); });
  EXPECT_EQ(choice, ErrorKind::config);
  EXPECT_NE(choices.find("dyadic"), std::string::npos) << choices;

  const graph::Graph graph = convert(dyadic(branched_graph(), 16));
  const auto [refused, why] = said([&] { runtime::require_float_requantization(graph, "runtime.other"); });
  EXPECT_EQ(refused, ErrorKind::unsupported);
  EXPECT_NE(why.find("[runtime.other] expected a model of 'requantization: float'"), std::string::npos) << why;
  EXPECT_NO_THROW(runtime::require_float_requantization(convert(prepared_graph(branched_graph())), "runtime.other"));
  const runtime::Registry registry = runtime::base_registry();
  for (const auto& other : registry.all()) {
    if (other->name() == "native" || !other->availability().available) continue;
    EXPECT_EQ(said([&] { other->load(written(graph), {.threads = 1}); }).first, ErrorKind::unsupported)
        << other->name();
  }
}

}  // namespace
}  // namespace quench::quant
