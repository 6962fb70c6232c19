// Scales of weights by groups of inputs: factors and scales beside all of a tiny layer, gradients through them, and
// what quantize makes of them.
#include <gtest/gtest.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "core/error.h"
#include "graph/onnx_read.h"
#include "graph/onnx_write.h"
#include "graph/quantized.h"
#include "graph/weight_groups.h"
#include "metrics/cost.h"
#include "nn/fake_quant.h"
#include "nn/graph_module.h"
#include "nn/weight_quantizer.h"
#include "nn/weight_scales.h"
#include "quant/float_weights.h"
#include "quant/group_factors.h"
#include "quant/learned_rounding.h"
#include "quant/original_weights.h"
#include "quant/weight_scale_search.h"
#include "quant_refine_testing.h"

namespace quench::quant {
namespace {

using Factors = std::vector<uint8_t>;

/// Normal weights; the inputs of one group are of one size, which differs from group to group.
Tensor uneven_weight(const Shape& shape, int64_t group_size, uint64_t seed) {
  Rng rng(seed, "groups");
  std::vector<float> w(static_cast<size_t>(element_count(shape)));
  const int64_t row = element_count(shape) / shape[0], size = group_size * (row / shape[1]);
  double spread = 1;
  for (size_t i = 0; i < w.size(); ++i) {
    if (static_cast<int64_t>(i) % row % size == 0) spread = rng.uniform(0.1, 1.0);
    w[i] = static_cast<float>(spread * rng.normal());
  }
  return Tensor::from(w, shape);
}

graph::QuantParams covering_params(const Tensor& weight, int bits, int axis = 0) {
  return nn::max_abs_params(weight, nullptr, 1, bits, axis);
}

/// sum a (w - s f code)^2, as plainly as can be.
double group_error(std::span<const float> w, std::span<const double> a, double scale, double factor, int64_t most) {
  double sum = 0;
  for (size_t i = 0; i < w.size(); ++i) {
    const double code = std::clamp<double>(std::nearbyint(w[i] / (scale * factor)), static_cast<double>(-most),
                                           static_cast<double>(most));
    sum += (a.empty() ? 1 : a[i]) * std::pow(w[i] - scale * factor * code, 2);
  }
  return sum;
}

double squared_error(const Tensor& weight, const graph::QuantParams& params) {
  const torch::Tensor w = nn::to_torch(weight);
  return (nn::fake_quantize(w, params) - w).to(torch::kDouble).square().sum().item<double>();
}

TEST(GroupFactors, TheLargestFitFourBitsAndAByte) {
  EXPECT_EQ(largest_factor(2), 15);
  EXPECT_EQ(largest_factor(3), 15);
  EXPECT_EQ(largest_factor(4), 15);
  EXPECT_EQ(largest_factor(5), 8);
  for (const int bits : {2, 3, 4, 5}) {
    EXPECT_LE(largest_factor(bits) * graph::largest_code(bits), 127);
    EXPECT_TRUE(takes_groups(bits, 0, {4, 17, 1, 1}, 16));
    EXPECT_FALSE(takes_groups(bits, 0, {4, 16, 1, 1}, 16)) << "its only group is the channel";
    EXPECT_TRUE(takes_groups(bits, -1, {4, 1, 3, 3}, 16)) << "channels that share a scale have factors";
  }
  EXPECT_FALSE(takes_groups(6, 0, {4, 17, 1, 1}, 16));
}

TEST(GroupFactors, WithoutSearchTheLargestGroupHasTheLargestFactorAndNothingIsClamped) {
  for (const int bits : {2, 3, 4, 5}) {
    const int64_t most = graph::largest_code(bits), largest = largest_factor(bits);
    for (const int axis : {0, -1}) {
      const Tensor weight = uneven_weight({6, 10, 3, 3}, 4, static_cast<uint64_t>(bits));
      const graph::QuantParams made =
          with_group_factors(weight, covering_params(weight, bits, axis), 4, {}, {}, 1, false);
      ASSERT_EQ(made.group_factors.size(), 6u * 3u);
      const auto w = weight.values<float>();
      for (size_t o = 0; o < 6; ++o) {
        const float scale = made.scale[axis < 0 ? 0 : o];
        EXPECT_TRUE(axis < 0 || std::ranges::count(std::span(made.group_factors).subspan(o * 3, 3), largest) > 0);
        for (size_t g = 0; g < 3; ++g) {
          float size = 0;
          for (size_t i = g * 36; i < std::min<size_t>(g * 36 + 36, 90); ++i)
            size = std::max(size, std::abs(w[o * 90 + i]));
          const double factor = made.group_factors[o * 3 + g], needed = size / (static_cast<double>(scale) * most);
          EXPECT_GE(factor, needed * (1 - 1e-5));
          EXPECT_LT(factor, std::max(needed, 1e-9) + 1) << "the least one";
        }
      }
      EXPECT_EQ(*std::ranges::max_element(made.group_factors), largest);
    }
  }
}

TEST(GroupFactors, EachFactorIsTheBestOfAllForTheScale) {
  const std::vector<double> importance{1, 4, 0.5, 2, 1, 3, 1};
  for (const int bits : {2, 3, 4, 5}) {
    const Tensor weight = uneven_weight({3, 7, 1, 2}, 3, static_cast<uint64_t>(10 + bits));
    const int64_t most = graph::largest_code(bits);
    for (const bool weighed : {false, true}) {
      const std::span<const double> a = weighed ? importance : std::span<const double>();
      const graph::QuantParams made = with_group_factors(weight, covering_params(weight, bits), 3, a, {}, 1, true);
      const std::vector<double> each = importance_of_weights(weight.shape(), a, 1);
      for (size_t o = 0; o < 3; ++o) {
        for (size_t g = 0; g < 3; ++g) {
          const size_t first = o * 14 + g * 6, count = std::min<size_t>(6, (o + 1) * 14 - first);
          const auto w = weight.values<float>().subspan(first, count);
          const auto own = weighed ? std::span(each).subspan(first, count) : std::span<const double>();
          double best = 1e300;
          for (int64_t f = 1; f <= largest_factor(bits); ++f) {
            best = std::min(best, group_error(w, own, made.scale[o], static_cast<double>(f), most));
          }
          EXPECT_NEAR(group_error(w, own, made.scale[o], made.group_factors[o * 3 + g], most), best,
                      1e-5 * best + 1e-12);
        }
      }
    }
  }
}

/// The best scale and factors of a channel of 2 groups of 3 weights, by 20,000 scales and all pairs of factors.
TEST(GroupFactors, ScaleAndFactorsAreNearTheBestOfATinyLayer) {
  double found_sum = 0, best_sum = 0, without_sum = 0;
  for (uint64_t trial = 0; trial < 30; ++trial) {
    const int bits = 2 + static_cast<int>(trial % 3);
    const Tensor weight = uneven_weight({1, 6, 1, 1}, 3, 100 + trial);
    const auto w = weight.values<float>();
    const int64_t most = graph::largest_code(bits);
    const graph::QuantParams start = covering_params(weight, bits);
    double best = 1e300;
    for (int i = 1; i <= 20000; ++i) {
      const double scale = start.scale[0] * 1.2 * i / 20000;
      double sum = 0;
      for (size_t g = 0; g < 2; ++g) {
        double least = 1e300;
        for (int64_t f = 1; f <= largest_factor(bits); ++f) {
          least = std::min(least, group_error(w.subspan(g * 3, 3), {}, scale, static_cast<double>(f), most));
        }
        sum += least;
      }
      best = std::min(best, sum);
    }
    const double found = squared_error(weight, with_group_factors(weight, start, 3, {}, {}, 1, true));
    const double without = squared_error(weight, with_group_factors(weight, start, 3, {}, {}, 1, false));
    EXPECT_LE(found, without);
    found_sum += found;
    best_sum += best;
    without_sum += without;
  }
  RecordProperty("found", fmt::format("{:.5f}", found_sum));
  RecordProperty("best", fmt::format("{:.5f}", best_sum));
  EXPECT_LT(found_sum, 1.05 * best_sum);  // measured 1.014
  EXPECT_LT(found_sum, 0.75 * without_sum);  // measured 0.64
}

TEST(GroupFactors, TheyAreBetterThanOneScaleAChannelAndBiasesHoldScalesUp) {
  for (const int bits : {2, 3, 4}) {
    const Tensor weight = uneven_weight({8, 48, 1, 1}, 16, static_cast<uint64_t>(bits));
    const graph::QuantParams start = covering_params(weight, bits);
    const double searched = squared_error(weight, with_group_factors(weight, start, 16, {}, {}, 1, true));
    EXPECT_LT(searched, squared_error(weight, with_group_factors(weight, start, 16, {}, {}, 1, false)));
    EXPECT_LT(searched, 0.9 * squared_error(weight, search_weight_scales(weight, start, {}, {})));
    const std::vector<float> least(8, *std::ranges::max_element(start.scale));
    for (const bool search : {false, true}) {
      const graph::QuantParams held = with_group_factors(weight, start, 16, {}, least, 1, search);
      for (const float scale : held.scale) EXPECT_GE(scale, least[0]);
    }
  }
  const Tensor zeros(DType::f32, {2, 4, 1, 1});
  const graph::QuantParams of_zeros = with_group_factors(zeros, covering_params(zeros, 4), 2, {}, {}, 1, true);
  EXPECT_EQ(of_zeros.group_factors, Factors(4, 1));
  for (const float scale : of_zeros.scale) EXPECT_TRUE(std::isnormal(scale));
}

TEST(GroupFactors, FourBitsOfThemAreNearlyAsGoodAsAnyScales) {
  for (const int bits : {2, 3, 4}) {
    const Tensor weight = uneven_weight({8, 48, 1, 1}, 16, static_cast<uint64_t>(20 + bits));
    const double found =
        squared_error(weight, with_group_factors(weight, covering_params(weight, bits), 16, {}, {}, 1, true));
    const Tensor apart = weight.reshaped({24, 16, 1, 1});  // each group has a scale of its own
    const double free = squared_error(apart, search_weight_scales(apart, covering_params(apart, bits), {}, {}));
    RecordProperty(fmt::format("of_{}_bits", bits), fmt::format("{:.4f}", found / free));
    EXPECT_LT(found, 1.02 * free) << bits;  // measured 1.0054 at most
  }
}

graph::QuantParams some_params() {
  graph::QuantParams params{DType::i8, 3, {0.02f, 0.013f, 0.5f}, {0, 0, 0}, 0};
  params.group_size = 4;
  params.group_factors = {1, 2, 42, 7, 15, 3, 5, 5, 1};  // of 10 inputs: 4, 4, 2
  return params;
}

TEST(GroupRounding, TheSimulationIsTheIntegers) {
  const Tensor host = uneven_weight({3, 10, 3, 3}, 4, 9);
  const graph::QuantParams params = some_params();
  const Tensor codes = graph::group_codes({host, params}), steps = graph::from_group_codes(codes, params, "test");
  const torch::Tensor weight = nn::to_torch(host), scale = torch::tensor(params.scale);
  const torch::Tensor wanted = nn::dequantize(nn::to_torch(steps), params);
  EXPECT_TRUE(nn::fake_quantize(weight, params).equal(wanted));
  EXPECT_TRUE(nn::fake_quantize_weight(weight, scale, params, false).equal(wanted));
  EXPECT_TRUE(nn::quantize_weight(weight, scale, params, false, {}, 0).equal(wanted));
  const torch::Tensor last = weight.contiguous(torch::MemoryFormat::ChannelsLast);
  EXPECT_TRUE(nn::fake_quantize_weight(last, scale, params, false).equal(wanted));
  for (size_t i = 0; i < 270; ++i) {
    const size_t o = i / 90, g = i % 90 / 36;
    const float factor = params.group_factors[o * 3 + g];
    const double v = static_cast<double>(host.values<float>()[i]) / params.scale[o] / factor;
    EXPECT_LE(std::abs(std::clamp(v, -3.0, 3.0) - codes.values<int8_t>()[i]), 0.50001);
    EXPECT_EQ(steps.values<int8_t>()[i], codes.values<int8_t>()[i] * static_cast<int>(factor));
  }
}

TEST(GroupRounding, GradientsByTheirEquations) {
  graph::QuantParams params{DType::i8, 3, {0.5f}, {0}, -1};
  params.group_size = 2;
  params.group_factors = {1, 4};                        // of 4 inputs
  const std::vector<float> steps{-3.4f, 0.9f, 6, -14};  // codes -3 (clamped), 1; 1.5 -> 2, -3.5 -> -3 (clamped)
  std::vector<float> w;
  for (const float x : steps) w.push_back(x * 0.5f);
  const torch::Tensor dy = torch::tensor({1.0f, 2.0f, -3.0f, 4.0f}).view({1, 4});
  for (const double delta : {0.0, 0.2}) {
    const torch::Tensor weight = torch::tensor(w).view({1, 4}).set_requires_grad(true);
    const torch::Tensor scale = torch::tensor({0.5f}).set_requires_grad(true);
    nn::quantize_weight(weight, scale, params, false, {.ewgs_delta = delta}, 0).backward(dy);
    const double f1 = 1 + delta * (0.9 - 1), f2 = 1 - delta * (1.5 - 2);
    EXPECT_TRUE(weight.grad().allclose(
        torch::tensor({0.0f, static_cast<float>(2 * f1), static_cast<float>(-3 * f2), 0.0f}).view({1, 4})));
    // factor (code - v f) inside, factor times the bound outside; times 1 / sqrt(N Q), Q the largest code.
    const double slope = 1 * -3.0 + 2 * (1 - 0.9 * f1) - 3 * 4 * (2 - 1.5 * f2) + 4 * 4 * -3.0;
    EXPECT_NEAR(scale.grad().item<double>(), slope / std::sqrt(4 * 3.0), 1e-4);
  }
  const torch::Tensor frozen = torch::tensor(w).view({1, 4}).set_requires_grad(true);
  nn::fake_quantize_weight(frozen, torch::tensor({0.5f}), params, false).backward(dy);
  EXPECT_TRUE(frozen.grad().equal(torch::tensor({1.0f, 2.0f, -3.0f, 0.0f}).view({1, 4})));  // -3.4 rounds to -3
}

TEST(GroupRounding, ScalesThatFollowCoverEveryGroup) {
  const Tensor host = uneven_weight({3, 10, 3, 3}, 4, 12);
  const graph::QuantParams params = some_params();
  const torch::Tensor weight = nn::to_torch(host);
  const torch::Tensor scale = nn::max_abs_scales(weight, {}, {}, params);
  const std::vector<uint8_t> factors = graph::factors_of_weights(params, host.shape());
  for (size_t o = 0; o < 3; ++o) {
    float most = 0;
    for (size_t i = o * 90; i < o * 90 + 90; ++i)
      most = std::max(most, std::abs(host.values<float>()[i]) / static_cast<float>(factors[i]));
    EXPECT_NEAR(scale[static_cast<int64_t>(o)].item<float>(), most / 3, 1e-6 * most);
  }
}

graph::Graph grouped(int bits, int64_t group_size, const char* scales = "mse", const char* weights = "per_channel") {
  return prepared_graph(
      branched_graph(),
      {{"bits_w", bits}, {"group_size", group_size}, {"weight_scales", scales}, {"weights", weights}});
}

TEST(Groups, QuantizeGivesThemAndSaysSo) {
  for (const int bits : {2, 3, 4, 5}) {
    for (const char* scales : {"max_abs", "mse", "output_mse"}) {
      for (const char* weights : {"per_channel", "per_tensor"}) {
        const graph::Graph prepared = grouped(bits, 4, scales, weights);
        EXPECT_EQ(prepared.metadata.at("group_size"), "4");
        EXPECT_TRUE(graph::has_fixed_weight_scales(prepared)) << "scale and factors were chosen together";
        const graph::Graph made = convert(prepared);
        int layers = 0;
        for (const auto& [name, weight] : made.weights) {
          if (!weight.quant || weight.quant->dtype != DType::i8) continue;
          const bool one = name == "conv1.weight" && std::string(weights) == "per_channel";  // 3 inputs
          EXPECT_EQ(weight.quant->group_size, one ? 0 : 4) << name;
          EXPECT_EQ(weight.quant->group_factors, prepared.weights.at(name).quant->group_factors);
          layers += !one;
        }
        EXPECT_EQ(layers, std::string(weights) == "per_tensor" ? 5 : 4);
        EXPECT_TRUE(graph::read_onnx(graph::write_onnx(prepared), "prepared") == prepared);
        EXPECT_TRUE(graph::read_onnx(graph::write_onnx(made), "made") == made);
        EXPECT_TRUE(convert(with_float_weights(made)) == made);
      }
    }
  }
  EXPECT_FALSE(prepared_graph(branched_graph()).metadata.contains("group_size"));
  EXPECT_TRUE(prepared_graph(branched_graph(), {{"group_size", 0}}) == prepared_graph(branched_graph()));
}

TEST(Groups, LayersOfOtherWidthsHaveNone) {
  const graph::Graph made = prepared_graph(
      branched_graph(), {{"group_size", 4}, {"bits_w", 4}, {"layer_bits", Json::array({"conv2=w8", "fc=w3"})}});
  EXPECT_EQ(made.weights.at("conv2.weight").quant->group_size, 0);
  EXPECT_EQ(made.weights.at("fc.weight").quant->group_size, 4);
  EXPECT_EQ(made.weights.at("conv3.weight").quant->group_size, 4);
}

TEST(Groups, BytesAreThoseOfCodesAndFactors) {
  for (const int bits : {2, 4}) {
    for (const char* target : {"native", "onnxruntime"}) {
      const graph::Graph uniform = convert(prepared_graph(branched_graph(), {{"bits_w", bits}}));
      const graph::Graph made =
          convert(prepared_graph(branched_graph(), {{"bits_w", bits}, {"group_size", 4}, {"target", target}}));
      // Two a byte: of conv2 8 x 2, conv3 8 x 4, conv4 8 x 2, fc 5 x 2. conv1 has one group: bytes for ONNX Runtime.
      const int64_t own = std::string(target) == "native" ? 0 : 8 * 27 * (8 - bits) / 8;
      EXPECT_EQ(metrics::cost(made).weights_bytes, metrics::cost(uniform).weights_bytes + 8 + 16 + 8 + 5 + own);
      EXPECT_EQ(metrics::cost(made).bops, metrics::cost(uniform).bops);
    }
  }
}

TEST(Groups, RoundingIsLearnedBetweenNeighboursOfTheirOwnSteps) {
  double best_sum = 0, found_sum = 0, nearest_sum = 0;
  for (int trial = 0; trial < 20; ++trial) {
    torch::manual_seed(500 + trial);
    const Tensor host = uneven_weight({1, 6, 1, 1}, 3, static_cast<uint64_t>(700 + trial));
    const graph::QuantParams params = with_group_factors(host, covering_params(host, 3), 3, {}, {}, 1, true);
    const graph::Weight weight{host, params};
    RoundingLayer layer;
    layer.weight = nn::to_torch(host).view({1, 1, 6});
    layer.scale = step_sizes(weight).expand({1, 6, 1, 1}).reshape({1, 1, 6});
    layer.bias = torch::zeros({1, 1, 1});
    layer.q_max = graph::largest_code(params);
    layer.q_min = -layer.q_max;
    const torch::Tensor x = torch::matmul(torch::randn({1, 200, 6}), torch::randn({6, 6}));
    const torch::Tensor target = torch::matmul(x, layer.weight.transpose(1, 2));
    const auto error = [&](const torch::Tensor& codes) {
      const torch::Tensor y = torch::matmul(x, (codes * layer.scale).transpose(1, 2));
      return (y - target).square().sum().item<double>() / 200;
    };
    const torch::Tensor floor = (layer.weight / layer.scale).floor();
    double best = 1e30;
    for (int choice = 0; choice < 64; ++choice) {
      torch::Tensor codes = floor.clone();
      for (int64_t i = 0; i < 6; ++i) codes[0][0][i] += choice >> i & 1;
      best = std::min(best, error(codes.clamp(-3, 3)));
    }
    const Rounded found = learn_rounding(layer, x, target, {.iterations = 800, .batch = 200}, CancelToken{});
    // The codes that convert() makes of the rounded weights are those that were learned.
    const Tensor rounded = nn::to_host((found.steps * layer.scale).view({1, 6, 1, 1}).contiguous());
    EXPECT_TRUE(
        nn::to_torch(graph::group_codes({rounded, params})).view({1, 1, 6}).to(torch::kFloat).equal(found.steps));
    EXPECT_LE(found.error, found.nearest_error);
    best_sum += best;
    found_sum += found.error;
    nearest_sum += found.nearest_error;
  }
  RecordProperty("found_of_best", fmt::format("{:.3f}", found_sum / best_sum));
  EXPECT_LT(found_sum, 1.4 * best_sum);
  EXPECT_GT(nearest_sum, 1.5 * best_sum) << "nearest would not do";
}

TEST(Groups, TheFloatModelIsKnownByNeighbouringCodes) {
  const graph::Graph floats = branched_graph(), prepared = grouped(3, 4);
  const graph::Graph rounded = with_float_weights(convert(prepared));
  EXPECT_NO_THROW(with_original_weights(rounded, prepared));
  graph::Graph other = prepared;
  other.weights.at("conv3.weight").value.mutable_values<float>()[5] += 3;
  graph::Graph wide = rounded;  // a clamp hides what lies beyond the last code
  const auto said = [&] {
    try {
      with_original_weights(wide, other);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  }();
  EXPECT_NE(said.find("conv3.weight"), std::string::npos) << said;
}

TEST(Groups, TrainingKeepsThem) {
  const graph::Graph start = grouped(3, 4, "max_abs");
  for (const auto ranges : {nn::WeightRanges::follow, nn::WeightRanges::frozen, nn::WeightRanges::learned}) {
    for (const double delta : {0.0, 0.2}) {
      nn::GraphModule module(start);
      nn::QatOptions options;
      options.weight_ranges = ranges;
      options.ewgs_delta = delta;
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
        EXPECT_EQ(weight.quant->group_factors, start.weights.at(name).quant->group_factors);
        EXPECT_EQ(weight.quant->scale == start.weights.at(name).quant->scale, ranges == nn::WeightRanges::frozen);
        moved += !(weight.value == convert(start).weights.at(name).value);
        // What is simulated is what the integers stand for.
        const graph::Weight& floats = trained.weights.at(name);
        const torch::Tensor simulated = nn::fake_quantize(nn::to_torch(floats.value), *floats.quant);
        EXPECT_TRUE(simulated.equal(nn::dequantize(nn::to_torch(weight.value), *weight.quant))) << name;
      }
      EXPECT_GT(moved, 0);
    }
  }
}

TEST(Groups, OscillationsCountInEachWeightsOwnSteps) {
  const graph::Graph start = grouped(3, 4);
  const nn::GraphModule module(start);
  for (const nn::RoundedWeight& weight : module.rounded_weights()) {
    const graph::Weight& own = start.weights.at(weight.name);
    EXPECT_EQ(weight.q_max, 3);
    const torch::Tensor codes = weight.unrounded.detach().div(weight.scale).round().clamp(-3, 3);
    const torch::Tensor simulated = nn::fake_quantize(nn::to_torch(own.value), *own.quant);
    EXPECT_TRUE(torch::allclose(codes * weight.scale, simulated, 1e-5, 1e-7)) << weight.name;
  }
}

TEST(Groups, WhatIsNotDefinedForThemIsRefused) {
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
  const std::string widths = "'bits_w' from 2 to 5 with 'group_size', got ";
  EXPECT_NE(quantize({{"group_size", 16}}).find(widths + "8"), std::string::npos);
  EXPECT_NE(quantize({{"group_size", 16}, {"bits_w", 6}}).find(widths + "6"), std::string::npos);
  EXPECT_NE(quantize({{"group_size", 16}, {"bits_w", 4}, {"levels", "kmeans"}}).find("'levels: uniform'"),
            std::string::npos);
  EXPECT_NE(quantize({{"group_size", 16}, {"bits_w", 4}, {"scales", "power_of_two"}}).find("'scales: float'"),
            std::string::npos);
  EXPECT_NE(quantize({{"group_size", 16}, {"bits_w", 4}, {"target", "tensorrt"}}).find("got tensorrt"),
            std::string::npos);
  EXPECT_NE(quantize({{"group_size", -1}, {"bits_w", 4}}).find("group_size"), std::string::npos);
  EXPECT_NE(quantize({{"group_size", 1.5}, {"bits_w", 4}}).find("group_size"), std::string::npos);
  EXPECT_EQ(quantize({{"group_size", 65536}, {"bits_w", 4}}), "nothing") << "one group each";
  const graph::Graph made = grouped(4, 4);
  const auto learning = [&](const std::function<void(nn::QatOptions&)>& change) {
    return refused([&] {
      nn::QatOptions options;
      change(options);
      nn::GraphModule(made).learn(options);
    });
  };
  EXPECT_NE(learning([](auto& o) { o.weights = nn::WeightQuantizer::dorefa; }).find("dorefa"), std::string::npos);
  EXPECT_EQ(learning([](auto& o) { o.ewgs_delta = 0.2; }), "nothing");
  EXPECT_EQ(learning([](auto& o) { o.stochastic_rounding = true; }), "nothing");
  EXPECT_EQ(learning([](auto& o) { o.correction = true; }), "nothing");
}

}  // namespace
}  // namespace quench::quant
