// Scales that are powers of two: which ones are taken, that every change of scales is a shift then, and that the engine
// has the bits of an executor that shifts integers.
#include <gtest/gtest.h>

#include <cmath>

#include "core/hash.h"
#include "core/rng.h"
#include "graph/onnx_read.h"
#include "graph/onnx_write.h"
#include "graph/op_traits.h"
#include "graph/quantized.h"
#include "integer_executor.h"
#include "nn/torch_runtime.h"
#include "quant/observer.h"
#include "quant/power_of_two.h"
#include "quant/weight_scale_search.h"
#include "quant_refine_testing.h"
#include "random_classifier.h"
#include "runtime/native/isa.h"
#include "runtime/native/native.h"

namespace quench::quant {
namespace {

bool is_power(float x) {
  int power = 0;
  return std::frexp(x, &power) == 0.5f;
}

TEST(PowerOfTwo, TheNextOneIsExact) {
  EXPECT_EQ(power_of_two_above(1), 1);
  EXPECT_EQ(power_of_two_above(std::nextafter(1.0f, 2.0f)), 2);
  EXPECT_EQ(power_of_two_above(0x1p-30f), 0x1p-30f);
  EXPECT_EQ(power_of_two_above(0.3f), 0.5f);
  EXPECT_EQ(unit_beside(0x1p-7f), 1);
  // The image's: the product of both scales is a power of two once it is rounded to float, as engines take it.
  for (const float image : {1.0f / 255, 1.0f / 127}) {
    for (int power = -20; power < 3; ++power) {
      const float weight = std::ldexp(unit_beside(image), power);
      EXPECT_TRUE(is_power(static_cast<float>(static_cast<double>(image) * weight))) << power;
    }
  }
}

TEST(PowerOfTwo, ObserversCoverTheirRangeAndMseTakesTheLeastError) {
  Rng rng(1, "values");
  std::vector<float> values(4000);
  for (float& v : values) v = static_cast<float>(0.4 + 0.3 * rng.normal());
  values[0] = 3.3f;  // few values want the wider scale
  const auto error_of = [&](const graph::QuantParams& params) {
    double sum = 0;
    for (const float v : values) {
      const double steps = std::nearbyint(v / params.scale[0]) + params.zero_point[0];
      const double q = std::clamp(steps, static_cast<double>(params.q_min()), static_cast<double>(params.q_max()));
      sum += std::pow(v - params.scale[0] * (q - params.zero_point[0]), 2);
    }
    return sum;
  };
  for (const std::string& name : observer_names()) {
    for (const bool symmetric : {false, true}) {
      for (const int bits : {4, 8}) {
        const auto observer = make_observer(name, 99.99);
        observer->observe(values);
        observer->end_batch();
        const graph::QuantParams params = observer->power_of_two(bits, symmetric);
        EXPECT_TRUE(is_power(params.scale[0])) << name;
        EXPECT_EQ(params.bits, bits);
        if (name != "mse") {
          const Range range = observer->range(bits, symmetric);
          const float half = params.scale[0] / 2;
          EXPECT_LE(params.scale[0] * static_cast<float>(params.q_min() - params.zero_point[0]), range.low + half)
              << name;
          EXPECT_GE(params.scale[0] * static_cast<float>(params.q_max() - params.zero_point[0]), range.high - half)
              << name;
          EXPECT_LT(params.scale[0], 2 * params_for(range, bits, symmetric).scale[0]) << name;
          continue;
        }
        const double found = error_of(params);  // as good as the best of all, but for what bins hide
        double best = 1e30;
        for (int power = -14; power < 2; ++power) {
          graph::QuantParams other = params;
          other.scale = {std::ldexp(1.0f, power)};
          for (int64_t zero = 0; zero <= (symmetric ? 0 : params.q_max()); ++zero) {
            other.zero_point = {static_cast<int32_t>(zero)};
            best = std::min(best, error_of(other));
          }
        }
        EXPECT_LE(found, 1.01 * best) << bits << " " << symmetric;
      }
    }
  }
}

TEST(PowerOfTwo, WeightsTakeTheBestOne) {
  Rng rng(4, "weights");
  std::vector<float> w(3 * 45);
  for (float& x : w) x = static_cast<float>(rng.normal());
  for (size_t i = 45; i < 90; ++i) w[i] *= 37;
  const Tensor weight = Tensor::from(w, {3, 5, 3, 3});
  for (const float unit : {1.0f, unit_beside(1.0f / 255)}) {
    for (const int bits : {3, 8}) {
      graph::QuantParams start{DType::i8, bits, {}, {0, 0, 0}, 0};
      for (size_t c = 0; c < 3; ++c) {
        float most = 0;
        for (size_t i = c * 45; i < c * 45 + 45; ++i) most = std::max(most, std::abs(w[i]));
        start.scale.push_back(most / static_cast<float>(start.q_max()));
      }
      const auto covers = search_powers_of_two(weight, start, unit, {}, {}, 1, false);
      const auto best = search_powers_of_two(weight, start, unit, {}, {}, 1, true);
      for (size_t c = 0; c < 3; ++c) {
        EXPECT_TRUE(is_power(covers.scale[c] / unit) && is_power(best.scale[c] / unit));
        EXPECT_GE(covers.scale[c], start.scale[c] * 0.999999f);
        EXPECT_LT(covers.scale[c], 2 * start.scale[c]);
        const auto own = std::span(w).subspan(c * 45, 45);
        double least = 1e300;
        for (int power = -20; power < 12; ++power) {
          least = std::min(least, rounding_error(own, {}, std::ldexp(unit, power), start));
        }
        EXPECT_EQ(rounding_error(own, {}, best.scale[c], start), least);
      }
      const std::vector<float> floor = covers.scale;
      EXPECT_EQ(search_powers_of_two(weight, start, unit, {}, floor, 1, true).scale, covers.scale);
    }
  }
}

graph::Graph in_powers(const graph::Graph& model, int64_t size,
                       std::initializer_list<std::pair<const char*, Json>> more) {
  Json config = config::quantize_options().defaults();
  config["calibration_images"] = 32;
  config["scales"] = "power_of_two";
  for (const auto& [key, value] : more) config[key] = value;
  return prepare(model, noise_splits(32, size), config, {}, CancelToken{}).graph;
}

TEST(PowerOfTwo, EveryChangeOfScalesIsAPower) {
  for (const char* target : {"native", "onnxruntime", "tensorrt"}) {
    for (const char* scales : {"max_abs", "mse", "output_mse"}) {
      const graph::Graph made = in_powers(branched_graph(), 16, {{"target", target}, {"weight_scales", scales}});
      EXPECT_EQ(made.metadata.at("scales"), "power_of_two");
      EXPECT_TRUE(graph::has_fixed_weight_scales(made));
      int layers = 0;
      for (const graph::Node& node : made.nodes) {
        for (const graph::EdgeId edge : node.outputs) {
          const auto& quant = made.edge(edge).quant;
          EXPECT_TRUE(!quant || is_power(quant->scale[0])) << made.edge(edge).name;
        }
        if (!graph::traits(node.op).layer) continue;
        ++layers;
        for (const float scale : made.required_weight(node, "weight").quant->scale) {
          EXPECT_TRUE(
              is_power(static_cast<float>(static_cast<double>(made.edge(node.inputs[0]).quant->scale[0]) * scale)))
              << node.name;
        }
      }
      EXPECT_EQ(layers, 5);
    }
  }
  const graph::Graph levels = in_powers(branched_graph(), 16, {{"levels", "kmeans"}, {"bits_w", 4}});
  EXPECT_EQ(levels.weights.at("conv3.weight").quant->levels.size(), 16u);
  for (const float scale : levels.weights.at("conv3.weight").quant->scale) EXPECT_TRUE(is_power(scale));
  EXPECT_FALSE(prepared_graph(branched_graph()).metadata.contains("scales"));
}

TEST(PowerOfTwo, TheEngineIsAnExecutorThatShifts) {
  constexpr int64_t kSize = 64;
  for (const auto& [name, bits] : {std::pair{"yolov5n-cls", 8}, {"yolov8n-cls", 4}}) {
    const graph::Graph model = random_classifier(name, kSize);
    graph::ModelFile file{"memory.onnx", "", "", {}};
    file.graph = convert(in_powers(model, kSize, {{"silu_tables", true}, {"bits_w", bits}}));
    file.bytes = graph::write_onnx(file.graph);
    file.sha256 = sha256_hex(file.bytes);
    Tensor image(DType::u8, {1, 3, kSize, kSize});
    Rng pixels(9, "pixels");
    for (uint8_t& value : image.mutable_values<uint8_t>()) value = static_cast<uint8_t>(pixels.below(256));
    const std::vector<Tensor> expected = graph::reference::execute_shifts(file.graph, image);
    float largest = 0;
    for (const float v : expected[0].values<float>()) largest = std::max(largest, std::abs(v));
    EXPECT_GT(largest, 0);
    for (const runtime::native::Isa isa : runtime::native::available_isas()) {
      const auto session = runtime::native_runtime()->load(
          file, {.threads = 1, .profile_path = "", .isa = runtime::native::to_string(isa)});
      EXPECT_EQ(session->run(image), expected) << name << " on " << runtime::native::to_string(isa);
    }
    // Other scales are no shifts, and SiLU in float is none.
    Json config = config::quantize_options().defaults();
    config["calibration_images"] = 32;
    config["silu_tables"] = true;
    const graph::Graph other = convert(prepare(model, noise_splits(32, kSize), config, {}, CancelToken{}).graph);
    const Tensor blank(DType::u8, {1, 3, kSize, kSize});
    EXPECT_THROW(graph::reference::execute_shifts(other, blank), Error);
    EXPECT_THROW(graph::reference::execute_shifts(convert(in_powers(model, kSize, {})), blank), Error);
  }
}

}  // namespace
}  // namespace quench::quant
