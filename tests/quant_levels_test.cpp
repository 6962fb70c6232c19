// Non-uniform levels of weights: closed forms, the best codebook beside all codebooks, gradients through them, and what
// quantize makes of them.
#include <gtest/gtest.h>
#include <torch/types.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <set>

#include "core/error.h"
#include "graph/levels.h"
#include "graph/onnx_read.h"
#include "graph/onnx_write.h"
#include "graph/quantized.h"
#include "metrics/cost.h"
#include "nn/fake_quant.h"
#include "nn/graph_module.h"
#include "nn/weight_quantizer.h"
#include "quant/codebook.h"
#include "quant/float_weights.h"
#include "quant/level_sets.h"
#include "quant/weight_scale_search.h"
#include "quant_refine_testing.h"

namespace quench::quant {
namespace {

using Levels = std::vector<int8_t>;

TEST(LevelSets, PowersOfTwoByTheirDefinition) {
  EXPECT_EQ(powers_of_two(3), (Levels{-4, -2, -1, 0, 1, 2, 4}));
  EXPECT_EQ(powers_of_two(4), (Levels{-64, -32, -16, -8, -4, -2, -1, 0, 1, 2, 4, 8, 16, 32, 64}));
  for (const int bits : {3, 4}) {  // a sign and 2^(b-1) sizes, one of them 0: 2^b - 1 levels
    EXPECT_EQ(powers_of_two(bits).size(), (size_t{1} << bits) - 1);
  }
  EXPECT_THROW(powers_of_two(5), Error);
}

TEST(LevelSets, SumsOfPowersOfTwoByTheirDefinition) {
  EXPECT_EQ(additive_powers_of_two(3), powers_of_two(3));
  EXPECT_EQ(additive_powers_of_two(4), (Levels{-10, -8, -6, -4, -3, -2, -1, 0, 1, 2, 3, 4, 6, 8, 10}));
  // b - 1 = 2n: p_i is 0 or 2^-(i + jn), j = 0, 1, 2; in units of the least power, 2^-(3n - 1).
  for (const int n : {1, 2}) {
    std::set<int> sizes{0};
    for (int i = 0; i < n; ++i) {
      std::set<int> next;
      for (const int sum : sizes) {
        next.insert(sum);
        for (int j = 0; j < 3; ++j) next.insert(sum + (1 << (3 * n - 1 - (i + j * n))));
      }
      sizes = next;
    }
    EXPECT_EQ(sizes.size(), size_t{1} << 2 * n);
    Levels both;
    for (const int size : sizes) both.push_back(static_cast<int8_t>(size));
    for (const int size : sizes) {
      if (size > 0) both.insert(both.begin(), static_cast<int8_t>(-size));
    }
    EXPECT_EQ(additive_powers_of_two(2 * n + 1), both);
  }
  for (const int bits : {3, 4, 5, 6}) EXPECT_EQ(additive_powers_of_two(bits).size(), (size_t{1} << bits) - 1);
  EXPECT_THROW(additive_powers_of_two(7), Error);
}

double error_of(std::span<const float> steps, std::span<const double> importance, const Levels& levels) {
  double sum = 0;
  for (size_t i = 0; i < steps.size(); ++i) {
    double least = 1e300;
    for (const int8_t level : levels) least = std::min(least, std::pow(static_cast<double>(steps[i]) - level, 2));
    sum += (importance.empty() ? 1 : importance[i]) * least;
  }
  return sum;
}

/// The least error of all partitions of sorted points into at most `count` runs, each at its mean rounded to an
/// integer, one of them at 0: k-means by brute force.
double best_of_all_partitions(std::vector<float> points, size_t count) {
  std::ranges::sort(points);
  double best = 1e300;
  for (uint32_t cuts = 0; cuts < uint32_t{1} << (points.size() - 1); ++cuts) {
    if (static_cast<size_t>(std::popcount(cuts)) + 1 > count) continue;
    std::vector<double> errors, at_zero;
    size_t first = 0;
    for (size_t i = 0; i < points.size(); ++i) {
      if (i + 1 < points.size() && (cuts >> i & 1) == 0) continue;
      double sum = 0;
      for (size_t k = first; k <= i; ++k) sum += points[k];
      const double mean = std::nearbyint(sum / static_cast<double>(i + 1 - first));
      double error = 0, zero = 0;
      for (size_t k = first; k <= i; ++k) {
        error += std::pow(points[k] - mean, 2);
        zero += std::pow(points[k], 2);
      }
      errors.push_back(error);
      at_zero.push_back(zero);
      first = i + 1;
    }
    double sum = 0;
    for (const double e : errors) sum += e;
    if (errors.size() < count) best = std::min(best, sum);  // a level is left for 0
    for (size_t r = 0; r < errors.size(); ++r) best = std::min(best, sum - errors[r] + at_zero[r]);
  }
  return best;
}

TEST(Codebook, IsTheBestOfAllPartitions) {
  Rng rng(5, "points");
  for (int trial = 0; trial < 60; ++trial) {
    std::vector<float> points;
    const size_t many = 2 + rng.below(9);
    const double wide = trial % 3 == 0 ? 3 : trial % 3 == 1 ? 40 : 127;
    for (size_t i = 0; i < many; ++i) points.push_back(static_cast<float>(rng.uniform(-wide, wide)));
    for (const int64_t count : {2, 3, 4, 8}) {
      const Levels levels = best_levels(points, {}, count);
      EXPECT_EQ(levels.size(), static_cast<size_t>(count));
      EXPECT_TRUE(std::ranges::is_sorted(levels) && std::ranges::binary_search(levels, int8_t{0}));
      EXPECT_EQ(std::ranges::adjacent_find(levels), levels.end()) << "each once";
      const double best = best_of_all_partitions(points, static_cast<size_t>(count));
      EXPECT_NEAR(error_of(points, {}, levels), best, 1e-6 * (1 + best)) << trial << " " << count;
    }
  }
}

TEST(Codebook, ImportanceAndTheRangeOfAByte) {
  const std::vector<float> points{10, 20, 30};
  EXPECT_EQ(best_levels(points, std::vector<double>{1, 1, 0}, 2), (Levels{0, 15}));
  EXPECT_EQ(best_levels(points, std::vector<double>{0, 0, 1}, 2), (Levels{0, 30}));
  EXPECT_EQ(best_levels(points, std::vector<double>{4, 1, 0}, 2), (Levels{0, 12}));  // their mean
  const std::vector<float> beyond{500, 400, -300};
  EXPECT_EQ(best_levels(beyond, {}, 3), (Levels{-127, 0, 127}));
  EXPECT_THROW(best_levels(points, {}, 1), Error);
  EXPECT_THROW(best_levels(points, {}, 256), Error);
}

std::vector<float> normals(size_t count, uint64_t seed) {
  Rng rng(seed, "levels");
  std::vector<float> out(count);
  for (float& w : out) w = static_cast<float>(rng.normal() * (1 + seed % 3));
  return out;
}

/// Of all channels.
double layer_error(const Tensor& weight, const graph::QuantParams& params) {
  const auto values = weight.values<float>();
  const size_t each = values.size() / params.scale.size();
  double sum = 0;
  for (size_t c = 0; c < params.scale.size(); ++c) {
    sum += rounding_error(values.subspan(c * each, each), {}, params.scale[c], params);
  }
  return sum;
}

TEST(Codebook, ScalesAndLevelsTogetherAreBetterThanEitherAndThanUniform) {
  std::vector<float> w;
  for (const uint64_t seed : {1, 2, 3, 4, 5, 6}) {
    const std::vector<float> channel = normals(90, seed);
    w.insert(w.end(), channel.begin(), channel.end());
  }
  const Tensor weight = Tensor::from(w, {6, 10, 3, 3});
  for (const int bits : {2, 3, 4}) {
    const auto covering = [&](int64_t q_max) {
      graph::QuantParams params{DType::i8, bits, {}, std::vector<int32_t>(6, 0), 0};
      for (size_t c = 0; c < 6; ++c) {
        float most = 0;
        for (size_t i = 0; i < 90; ++i) most = std::max(most, std::abs(w[c * 90 + i]));
        params.scale.push_back(most / static_cast<float>(q_max));
      }
      return params;
    };
    const graph::QuantParams once = with_codebook(weight, covering(127), {}, {}, 1, false);
    const graph::QuantParams searched = with_codebook(weight, covering(127), {}, {}, 1, true);
    const graph::QuantParams uniform = search_weight_scales(weight, covering((int64_t{1} << (bits - 1)) - 1), {}, {});
    EXPECT_EQ(once.scale, covering(127).scale);
    EXPECT_LT(layer_error(weight, searched), layer_error(weight, once));
    EXPECT_LT(layer_error(weight, searched), layer_error(weight, uniform)) << bits;
    // A bias that must fit holds scales up.
    const std::vector<float> least(6, once.scale[0]);
    for (const float scale : with_codebook(weight, once, {}, least, 1, true).scale)
      EXPECT_GE(scale, 0.999f * std::min(least[0], *std::ranges::min_element(once.scale)));
  }
}

TEST(LevelRounding, TheSimulationIsTheIntegers) {
  const Levels levels{-100, -31, -30, -7, 0, 1, 2, 66};
  const std::vector<float> w = normals(3 * 500, 9);
  graph::QuantParams params{DType::i8, 3, {0.02f, 0.013f, 0.5f}, {0, 0, 0}, 0, levels};
  const Tensor host = Tensor::from(w, {3, 500});
  const Tensor codes = graph::level_codes({host, params});
  const torch::Tensor weight = nn::to_torch(host), scale = torch::tensor(params.scale);
  const torch::Tensor plain = nn::fake_quantize_weight(weight, scale, params, false);
  const torch::Tensor general = nn::quantize_weight(weight, scale, params, false, {}, 0);
  const torch::Tensor by_parameters = nn::fake_quantize(weight, params);
  for (size_t i = 0; i < w.size(); ++i) {
    const float s = params.scale[i / 500], v = w[i] / s;
    double best = 0;
    for (const double level : levels) {
      if (std::abs(v - level) < std::abs(v - best)) best = level;
    }
    EXPECT_EQ(levels[codes.values<uint8_t>()[i]], best) << v;
    for (const torch::Tensor& made : {plain, general, by_parameters}) {
      EXPECT_EQ(made.view({-1})[static_cast<int64_t>(i)].item<float>(), static_cast<float>(best) * s);
    }
  }
}

TEST(LevelRounding, GradientsByTheirEquations) {
  const Levels levels{-10, -3, 0, 1, 6};
  const graph::QuantParams params{DType::i8, 3, {0.5f}, {0}, -1, levels};
  const std::vector<float> v{-12, -9, -2, 0.2f, 0.9f, 4, 6.5f};
  std::vector<float> w;
  for (const float x : v) w.push_back(x * 0.5f);
  const torch::Tensor weight = torch::tensor(w).set_requires_grad(true);
  const torch::Tensor scale = torch::tensor({0.5f}).set_requires_grad(true);
  const torch::Tensor dy = torch::tensor({1.0f, 2.0f, 3.0f, 4.0f, 5.0f, 6.0f, 7.0f});
  nn::quantize_weight(weight, scale, params, false, {}, 0).backward(dy);
  EXPECT_TRUE(weight.grad().equal(torch::tensor({0.0f, 2.0f, 3.0f, 4.0f, 5.0f, 6.0f, 0.0f})));
  // Straight through inside: level - v; the bound outside; times 1 / sqrt(N Q), Q the largest magnitude.
  const double slope =
      1 * -10.0 + 2 * (-10 + 9.0) + 3 * (-3 + 2.0) + 4 * (0 - 0.2) + 5 * (1 - 0.9) + 6 * (6 - 4.0) + 7 * 6.0;
  EXPECT_NEAR(scale.grad().item<double>(), slope / std::sqrt(7 * 10.0), 1e-4);
  const torch::Tensor frozen = torch::tensor(w).set_requires_grad(true);
  nn::fake_quantize_weight(frozen, torch::tensor({0.5f}), params, false).backward(dy);
  EXPECT_TRUE(frozen.grad().equal(weight.grad()));
}

graph::Graph leveled(const char* levels, int bits, const char* scales = "mse") {
  return prepared_graph(branched_graph(), {{"levels", levels}, {"bits_w", bits}, {"weight_scales", scales}});
}

TEST(Levels, QuantizeGivesThemAndSaysSo) {
  for (const auto& [levels, bits] :
       {std::pair{"pot", 3}, {"pot", 4}, {"apot", 4}, {"apot", 6}, {"kmeans", 2}, {"kmeans", 5}, {"binary", 1}}) {
    for (const char* scales : {"max_abs", "mse", "output_mse"}) {
      const graph::Graph prepared = leveled(levels, bits, scales);
      EXPECT_EQ(prepared.metadata.at("levels"), levels);
      EXPECT_EQ(graph::has_fixed_weight_scales(prepared),
                std::string(scales) != "max_abs" || std::string(levels) == "kmeans" || std::string(levels) == "binary");
      const graph::Graph made = convert(prepared);
      int layers = 0;
      for (const auto& [name, weight] : made.weights) {
        if (!weight.quant || weight.quant->dtype != DType::i8) continue;
        ++layers;
        const Levels& own = weight.quant->levels;
        EXPECT_EQ(own, prepared.weights.at(name).quant->levels);
        if (std::string(levels) == "kmeans") {
          EXPECT_EQ(own.size(), size_t{1} << bits);
        } else {
          EXPECT_EQ(own, fixed_levels(levels, bits));
        }
        for (const int8_t q : weight.value.values<int8_t>()) EXPECT_TRUE(std::ranges::binary_search(own, q));
      }
      EXPECT_EQ(layers, 5);
      EXPECT_TRUE(graph::read_onnx(graph::write_onnx(prepared), "prepared") == prepared);
      EXPECT_TRUE(graph::read_onnx(graph::write_onnx(made), "made") == made);
      EXPECT_TRUE(convert(with_float_weights(made)) == made);
    }
  }
  EXPECT_FALSE(prepared_graph(branched_graph()).metadata.contains("levels"));
  EXPECT_TRUE(prepared_graph(branched_graph(), {{"levels", "uniform"}}) == prepared_graph(branched_graph()));
}

TEST(Levels, LayersOfAWidthThatHasNoneAreUniform) {
  const graph::Graph made = prepared_graph(
      branched_graph(), {{"levels", "pot"}, {"bits_w", 4}, {"layer_bits", Json::array({"conv1=w8", "fc=w3"})}});
  EXPECT_TRUE(made.weights.at("conv1.weight").quant->levels.empty());
  EXPECT_EQ(made.weights.at("fc.weight").quant->levels, powers_of_two(3));
  EXPECT_EQ(made.weights.at("conv3.weight").quant->levels, powers_of_two(4));
}

// Rastegari et al. 2016, equation 6: sign(w) times the mean of |w| has the least squared error.
TEST(Levels, BinaryWeightsAreSignsTimesTheMeanSize) {
  const graph::Graph floats = branched_graph(), made = leveled("binary", 1, "max_abs");
  const graph::Weight& weight = made.weights.at("conv3.weight");
  const auto values = floats.weights.at("conv3.weight").value.values<float>();
  const size_t each = values.size() / weight.quant->scale.size();
  EXPECT_EQ(weight.quant->bits, 1);
  for (size_t c = 0; c < weight.quant->scale.size(); ++c) {
    double sum = 0;
    for (size_t i = 0; i < each; ++i) sum += std::abs(values[c * each + i]);
    EXPECT_NEAR(weight.quant->scale[c], sum / static_cast<double>(each), 1e-6 * sum);
  }
  const graph::Graph converted = convert(made);
  const auto signs = converted.weights.at("conv3.weight").value.values<int8_t>();
  for (size_t i = 0; i < values.size(); ++i) EXPECT_EQ(signs[i], values[i] > 0 ? 1 : -1);
  const graph::Graph ternary = convert(prepared_graph(branched_graph(), {{"bits_w", 2}}));
  EXPECT_EQ(metrics::cost(converted).weights_bytes, metrics::cost(ternary).weights_bytes + int64_t{5} * 2)
      << "two bits are the fewest that ONNX stores";
  EXPECT_LT(metrics::cost(converted).bops, metrics::cost(ternary).bops);
}

TEST(Levels, ErrorsFallWithBetterLevels) {
  const graph::Graph floats = branched_graph();
  const auto error = [&](const char* levels, int bits) {
    const graph::Graph made = leveled(levels, bits);
    double sum = 0;
    for (const auto& [name, weight] : made.weights) {
      if (weight.quant) sum += layer_error(floats.weights.at(name).value, *weight.quant);
    }
    return sum;
  };
  for (const int bits : {3, 4}) {  // normal weights: powers of two have few levels where large weights are
    EXPECT_LT(error("kmeans", bits), error("uniform", bits));
    EXPECT_LT(error("kmeans", bits), error("apot", bits));
    EXPECT_LE(error("apot", bits), error("pot", bits));  // of 3 bits they are the same levels
  }
}

TEST(Levels, BytesAreThoseOfCodesAndCodebooks) {
  const graph::Graph uniform = convert(prepared_graph(branched_graph(), {{"bits_w", 4}})),
                     made = convert(leveled("kmeans", 4));
  EXPECT_EQ(metrics::cost(made).weights_bytes, metrics::cost(uniform).weights_bytes + 5 * 16);
  EXPECT_EQ(metrics::cost(made).bops, metrics::cost(uniform).bops);
  const graph::Graph for_onnxruntime =
      convert(prepared_graph(branched_graph(), {{"bits_w", 4}, {"levels", "kmeans"}, {"target", "onnxruntime"}}));
  EXPECT_EQ(metrics::cost(for_onnxruntime).weights_bytes, metrics::cost(made).weights_bytes);
}

TEST(Levels, TrainingKeepsThem) {
  for (const auto& [levels, bits] : {std::pair{"apot", 4}, {"kmeans", 3}, {"binary", 1}}) {
    const graph::Graph start = leveled(levels, bits, "max_abs");
    for (const auto ranges : {nn::WeightRanges::follow, nn::WeightRanges::frozen, nn::WeightRanges::learned}) {
      nn::GraphModule module(start);
      nn::QatOptions options;
      options.weight_ranges = ranges;
      module.learn(options);
      module.train(true);
      torch::manual_seed(3);
      for (int step = 0; step < 5; ++step) {
        const auto outputs = module.forward(torch::rand({4, 3, 16, 16}));
        outputs[0].square().sum().backward();
        torch::NoGradGuard no_gradient;
        for (auto& [name, parameter] : module.parameters()) {
          if (!parameter.grad().defined()) continue;
          parameter.sub_(parameter.grad() * (name.ends_with(".scale") ? 1e-5 : 1e-2));
          parameter.mutable_grad().zero_();
        }
      }
      const graph::Graph trained = module.graph(), made = convert(trained);
      int moved = 0;
      for (const auto& [name, weight] : made.weights) {
        if (!weight.quant || weight.quant->dtype != DType::i8) continue;
        EXPECT_EQ(weight.quant->levels, start.weights.at(name).quant->levels);
        moved += !(weight.value == convert(start).weights.at(name).value);
      }
      EXPECT_GT(moved, 0);
      for (const auto& [name, weight] : trained.weights) {  // what is simulated is what the integers stand for
        if (!weight.quant) continue;
        const torch::Tensor simulated = nn::fake_quantize(nn::to_torch(weight.value), *weight.quant);
        const graph::Weight& integers = made.weights.at(name);
        EXPECT_TRUE(simulated.equal(nn::dequantize(nn::to_torch(integers.value), *integers.quant))) << name;
      }
    }
  }
}

TEST(Levels, WhatIsNotDefinedForThemIsRefused) {
  const auto refused = [](const std::function<void()>& work) {
    try {
      work();
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::config) << error.what();
      return std::string(error.what());
    }
    return std::string("nothing");
  };
  const auto quantize = [&](std::initializer_list<std::pair<const char*, Json>> changes) {
    return refused([&] { prepared_graph(branched_graph(), changes); });
  };
  EXPECT_NE(quantize({{"levels", "pot"}, {"bits_w", 8}}).find("'bits_w' from 3 to 4 with 'levels: pot', got 8"),
            std::string::npos);
  EXPECT_NE(quantize({{"levels", "pot"}, {"bits_w", 2}}).find("which uniform levels are too"), std::string::npos);
  EXPECT_NE(quantize({{"levels", "apot"}, {"bits_w", 7}}).find("'bits_w' from 3 to 6"), std::string::npos);
  EXPECT_NE(quantize({{"levels", "kmeans"}, {"bits_w", 8}}).find("'bits_w' from 2 to 7"), std::string::npos);
  EXPECT_NE(quantize({{"levels", "kmeans"}, {"bits_w", 4}, {"target", "tensorrt"}}).find("got tensorrt"),
            std::string::npos);
  EXPECT_NE(quantize({{"levels", "binary"}, {"bits_w", 2}}).find("'bits_w: 1' with 'levels: binary'"),
            std::string::npos);
  EXPECT_NE(quantize({{"bits_w", 1}}).find("expected 'levels: binary' with 'bits_w: 1', got uniform"),
            std::string::npos);
  EXPECT_NE(quantize({{"levels", "log"}, {"bits_w", 4}}).find("log"), std::string::npos);
  const graph::Graph made = leveled("pot", 4);
  const auto learning = [&](const std::function<void(nn::QatOptions&)>& change) {
    return refused([&] {
      nn::QatOptions options;
      change(options);
      nn::GraphModule(made).learn(options);
    });
  };
  EXPECT_NE(learning([](auto& o) { o.ewgs_delta = 0.2; }).find("'estimator: ewgs'"), std::string::npos);
  EXPECT_NE(learning([](auto& o) { o.stochastic_rounding = true; }).find("'stochastic_rounding'"), std::string::npos);
  EXPECT_NE(learning([](auto& o) { o.weights = nn::WeightQuantizer::dorefa; }).find("dorefa"), std::string::npos);
  EXPECT_EQ(learning([](auto& o) { o.correction = true; }), "nothing");
}

}  // namespace
}  // namespace quench::quant
