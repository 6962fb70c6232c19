// Quantizers that train: gradients against the papers' equations, and what a module makes of them.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "error_testing.h"
#include "graph/quantized.h"
#include "nn/activation_quantizer.h"
#include "nn/fused.h"
#include "nn/graph_module.h"
#include "nn/weight_quantizer.h"

namespace quench::nn {
namespace {

torch::Tensor leaf_of(const torch::Tensor& values) { return values.clone().set_requires_grad(true); }

graph::QuantParams weight_params(int bits, int64_t channels, int axis) {
  return {DType::i8, bits, std::vector<float>(static_cast<size_t>(channels), 0.1f),
          std::vector<int32_t>(static_cast<size_t>(channels), 0), axis};
}

std::vector<double> numbers(const torch::Tensor& tensor) {
  const torch::Tensor wide = tensor.detach().to(torch::kDouble).contiguous();
  return {wide.data_ptr<double>(), wide.data_ptr<double>() + wide.numel()};
}

/// The equations in plain loops: gradients of weights, and of the scale of each channel.
struct PlainWeights {
  std::vector<double> weight, scale;
};
PlainWeights plain_weights(const torch::Tensor& w, const torch::Tensor& s, const torch::Tensor& dy, double q_max,
                           double delta) {
  PlainWeights out;
  const std::vector<double> ws = numbers(w), ss = numbers(s), gs = numbers(dy);
  const size_t each = ws.size() / ss.size();
  out.scale.assign(ss.size(), 0);
  for (size_t i = 0; i < ws.size(); ++i) {
    const double v = ws[i] / ss[i / each], q = std::nearbyint(v), sign = gs[i] > 0 ? 1 : gs[i] < 0 ? -1 : 0;
    const double f = 1 + delta * sign * (v - q);
    const bool inside = std::abs(v) <= q_max;
    out.weight.push_back(inside ? gs[i] * f : 0);
    out.scale[i / each] += gs[i] * (inside ? q - v * f : std::copysign(q_max, v));
  }
  for (double& value : out.scale) value /= std::sqrt(static_cast<double>(each) * q_max);
  return out;
}

TEST(QuantizeWeight, GradientsAreThoseOfLsqAndEwgs) {
  torch::manual_seed(11);
  for (const double delta : {0.0, 0.3}) {
    for (const int64_t channels : {int64_t{5}, int64_t{1}}) {
      for (const int bits : {2, 4, 8}) {
        const graph::QuantParams params = weight_params(bits, channels, channels == 1 ? -1 : 0);
        const torch::Tensor w = leaf_of(at::randn({5, 3, 2, 2})), dy = at::randn({5, 3, 2, 2});
        const torch::Tensor s = leaf_of(at::rand({channels}).mul_(0.3).add_(2.0 / static_cast<double>(params.q_max())));
        const torch::Tensor y = quantize_weight(w, s, params, false, {delta, false, 0, 0}, 0);
        y.backward(dy);
        const PlainWeights plain = plain_weights(w, s, dy, static_cast<double>(params.q_max()), delta);
        const std::vector<double> dw = numbers(w.grad()), ds = numbers(s.grad());
        for (size_t i = 0; i < dw.size(); ++i) EXPECT_NEAR(dw[i], plain.weight[i], 1e-5);
        for (size_t i = 0; i < ds.size(); ++i)
          EXPECT_NEAR(ds[i], plain.scale[i], 2e-5 * (1 + std::abs(plain.scale[i])));
        const torch::Tensor broad = channels == 1 ? s.detach() : s.detach().view({5, 1, 1, 1});
        const double most = static_cast<double>(params.q_max());
        EXPECT_TRUE(at::equal(y.detach(), (w.detach() / broad).round().clamp(-most, most) * broad));
      }
    }
  }
}

// Equation 3 is the derivative of what a line through the rounding error's fixed value would have: with q - v held, y =
// s (v + held), whose derivative by s at fixed w is `held`, and by w is 1; where it is clamped, y = s Q.
TEST(QuantizeWeight, TheScalesGradientIsADifferenceWhereWeightsAreClamped) {
  const graph::QuantParams params = weight_params(3, 1, -1);
  const torch::Tensor w = at::tensor({5.0f, -7.0f, 9.0f, 4.0f}).view({4, 1}),
                      dy = at::tensor({1.0f, 2.0f, -3.0f, 0.5f});
  const auto value = [&](float scale) {
    return (quantize_weight(w, at::full({1}, scale), params, false, {}, 0).flatten() * dy).sum().item<double>();
  };
  const torch::Tensor s = leaf_of(at::full({1}, 0.5f));
  quantize_weight(w, s, params, false, {}, 0).flatten().backward(dy);
  const double difference = (value(0.5f + 0.01f) - value(0.5f - 0.01f)) / 0.02;
  EXPECT_NEAR(s.grad().item<double>() * std::sqrt(4.0 * 3), difference, 1e-3);
}

TEST(QuantizeWeight, StochasticRoundingIsRightOnAverageAndDrawnByTheStep) {
  const graph::QuantParams params = weight_params(4, 1, -1);
  const torch::Tensor w = at::linspace(-0.66, 0.66, 50), s = at::full({1}, 0.1f);
  const auto at_step = [&](int64_t step, uint64_t place = 0, uint64_t seed = 1) {
    return quantize_weight(w, s, params, false, {0, true, seed, step}, place);
  };
  EXPECT_TRUE(at::equal(at_step(3), at_step(3)));
  EXPECT_FALSE(at::equal(at_step(3), at_step(4)));
  EXPECT_FALSE(at::equal(at_step(3), at_step(3, 1)));
  EXPECT_FALSE(at::equal(at_step(3), at_step(3, 0, 2)));
  torch::Tensor sum = at::zeros_like(w);
  constexpr int kSteps = 4000;
  for (int step = 0; step < kSteps; ++step) {
    const torch::Tensor y = at_step(step);
    EXPECT_LT((y - w).abs().max().item<double>(), 0.1001);  // a neighbour
    sum += y;
  }
  EXPECT_LT((sum / kSteps - w).abs().max().item<double>(), 5 * 0.05 / std::sqrt(kSteps));  // five standard errors
}

TEST(Dorefa, BeginsAtTheGivenWeightsAndHasExactGradients) {
  torch::manual_seed(12);
  for (const int axis : {0, -1}) {
    torch::Tensor w = at::randn({4, 6}).mul_(0.7);
    w[1].mul_(9);  // beyond what tanh resolves
    w[2].zero_();
    const torch::Tensor largest = largest_sizes(w, axis);
    const torch::Tensor latent = dorefa_latent(w, largest, axis);
    EXPECT_TRUE(at::allclose(dorefa(latent, largest, axis), w, 1e-5, 1e-6));
    const torch::Tensor wide = leaf_of(latent.to(torch::kDouble)), dy = at::randn({4, 6}, torch::kDouble);
    const torch::Tensor most = largest.to(torch::kDouble);
    dorefa(wide, most, axis).backward(dy);
    torch::NoGradGuard no_grad;
    for (int64_t i = 0; i < wide.numel(); ++i) {
      if (i / 6 == 2) continue;  // a dead channel: max|tanh| has a corner there
      const double step = 1e-6;
      torch::Tensor up = wide.detach().clone(), down = up.clone();
      up.view(-1)[i] += step;
      down.view(-1)[i] -= step;
      const double slope = ((dorefa(up, most, axis) - dorefa(down, most, axis)) * dy).sum().item<double>() / (2 * step);
      EXPECT_NEAR(wide.grad().view(-1)[i].item<double>(), slope, 1e-6 * (1 + std::abs(slope)));
    }
    EXPECT_FALSE(dorefa(at::zeros({2, 2}), at::zeros({axis < 0 ? 1 : 2}), axis).isnan().any().item<bool>());
  }
}

TEST(ActivationQuantizers, LsqPlusHasItsEquations) {
  torch::manual_seed(13);
  for (const double delta : {0.0, 0.4}) {
    const torch::Tensor x = leaf_of(at::randn({4, 3, 5}).mul_(2)), dy = at::randn({4, 3, 5});
    const torch::Tensor s = leaf_of(at::full({1}, 0.2f)), offset = leaf_of(at::full({1}, -0.72f));
    const torch::Tensor y = quantize_lsq_plus(x, s, offset, 0, 15, delta);
    y.backward(dy);
    const int64_t zero = zero_point_of(s, offset, 0, 15);
    EXPECT_EQ(zero, 4);  // round(3.6)
    const std::vector<double> xs = numbers(x), gs = numbers(dy), dx = numbers(x.grad()), ys = numbers(y);
    const double scale = s.item<float>();
    double ds = 0, doffset = 0;
    for (size_t i = 0; i < xs.size(); ++i) {
      const double n = xs[i] / scale + 4, q = std::nearbyint(n), f = 1 + delta * (gs[i] > 0 ? 1 : -1) * (n - q);
      const bool inside = n >= 0 && n <= 15;
      EXPECT_NEAR(dx[i], inside ? gs[i] * f : 0, 1e-5);
      EXPECT_NEAR(ys[i], scale * (std::clamp(q, 0.0, 15.0) - 4), 1e-5);
      ds += gs[i] * (inside ? q - n * f : n < 0 ? 0 : 15);
      doffset += gs[i] * (inside ? 1 - f : 1);
    }
    const double factor = 1 / std::sqrt(15.0 * 15);  // 15 values an image, q_max 15
    EXPECT_NEAR(s.grad().item<double>(), ds * factor, 1e-4);
    EXPECT_NEAR(offset.grad().item<double>(), doffset * factor, 1e-4);
  }
  EXPECT_EQ(zero_point_of(at::full({1}, 0.1f), at::full({1}, 3.0f), 0, 15), 0);  // 0 stays exact
  EXPECT_EQ(zero_point_of(at::full({1}, 0.1f), at::full({1}, -9.0f), 0, 15), 15);
}

TEST(ActivationQuantizers, LsqWithoutDeltaIsLsq) {
  torch::manual_seed(14);
  const QuantGrid grid{40, 0, 255};
  const torch::Tensor values = at::randn({3, 2, 4, 4}), dy = at::randn({3, 2, 4, 4});
  const torch::Tensor a = leaf_of(values), b = leaf_of(values);
  const torch::Tensor s = leaf_of(at::full({1}, 0.01f)), t = leaf_of(at::full({1}, 0.01f));
  const torch::Tensor y = fake_quantize(a, s, grid), z = quantize_lsq(b, t, grid, 0);
  y.backward(dy);
  z.backward(dy);
  EXPECT_TRUE(at::equal(y, z));
  EXPECT_TRUE(at::equal(a.grad(), b.grad()));
  EXPECT_NEAR(s.grad().item<double>(), t.grad().item<double>(), 1e-4 * std::abs(s.grad().item<double>()));
}

TEST(ActivationQuantizers, EwgsScalesEachElement) {
  const torch::Tensor x = leaf_of(at::tensor({0.13f, 0.17f, -0.08f, 5.0f}));
  const torch::Tensor dy = at::tensor({1.0f, -2.0f, 0.0f, 1.0f});
  const torch::Tensor s = leaf_of(at::full({1}, 0.1f));
  quantize_lsq(x, s, {4, 0, 15}, 0.5).backward(dy);
  // v - round(v): 0.3, -0.3, 0.2; the last is clamped.
  const std::vector<double> dx = numbers(x.grad());
  EXPECT_NEAR(dx[0], 1 * (1 + 0.5 * 0.3), 1e-5);
  EXPECT_NEAR(dx[1], -2 * (1 + 0.5 * 0.3), 1e-5);
  EXPECT_EQ(dx[2], 0);
  EXPECT_EQ(dx[3], 0);
  const double ds = (1 - 1.3 * 1.15) + -2 * (2 - 1.7 * 1.15) + 11;
  EXPECT_NEAR(s.grad().item<double>(), ds / std::sqrt(15.0), 1e-4);  // one value an image
}

TEST(ActivationQuantizers, PactGivesItsClipWhatIsBeyondIt) {
  const torch::Tensor x = leaf_of(at::tensor({-1.0f, 0.4f, 2.9f, 3.0f, 7.0f})), alpha = leaf_of(at::full({1}, 3.0f));
  const torch::Tensor dy = at::tensor({1.0f, 2.0f, 4.0f, 8.0f, 16.0f});
  const torch::Tensor y = quantize_pact(x, alpha, 15, 0);
  EXPECT_TRUE(at::allclose(y, at::tensor({0.0f, 0.4f, 2.8f, 3.0f, 3.0f})));  // steps of 0.2; 2.9 / 0.2 below 14.5
  y.backward(dy);
  EXPECT_EQ(numbers(x.grad()), (std::vector<double>{0, 2, 4, 0, 0}));
  EXPECT_EQ(alpha.grad().item<float>(), 24);
  // Beyond alpha the value is alpha: there the gradient is a difference.
  const torch::Tensor far = at::tensor({4.0f, 5.0f});
  const auto sum = [&](float a) { return quantize_pact(far, at::full({1}, a), 15, 0).sum().item<double>(); };
  EXPECT_NEAR((sum(3.01f) - sum(2.99f)) / 0.02, 2, 1e-3);
}

/// images -> conv c -> silu or relu -> conv d -> out, edges and weights quantized.
graph::Graph two_convolutions(graph::Op activation, int bits_w = 4, int axis = 0) {
  graph::Graph g;
  const auto edge = [&](const char* name, Shape shape, std::optional<graph::QuantParams> quant) {
    return g.add_edge({name, std::move(shape), DType::f32, std::move(quant)});
  };
  const bool relu = activation == graph::Op::relu;
  const auto images = edge("images", {1, 3, 8, 8}, graph::QuantParams{DType::u8, 8, {1 / 255.0f}, {0}, -1});
  const auto sum = edge("sum", {1, 4, 8, 8}, std::nullopt);
  const auto act = edge("act", {1, 4, 8, 8}, graph::QuantParams{DType::u8, 4, {0.1f}, {relu ? 0 : 3}, -1});
  const auto out = edge("out", {1, 2, 8, 8}, std::nullopt);
  graph::ConvAttributes conv;
  g.nodes = {{"c", graph::Op::conv, conv, {images}, {sum}, {}},
             {"a", activation, {}, {sum}, {act}, {}},
             {"d", graph::Op::conv, conv, {act}, {out}, {}}};
  g.inputs = {images};
  g.outputs = {out};
  torch::manual_seed(15);
  for (const char* name : {"c", "d"}) {
    const int64_t outputs = name[0] == 'c' ? 4 : 2, inputs = name[0] == 'c' ? 3 : 4;
    const int64_t scales = axis < 0 ? 1 : outputs;
    const torch::Tensor w = at::randn({outputs, inputs, 1, 1});
    graph::QuantParams params = weight_params(bits_w, scales, axis);
    const std::vector<double> sizes = numbers(largest_sizes(w, axis));
    for (size_t i = 0; i < sizes.size(); ++i) params.scale[i] = static_cast<float>(sizes[i] / params.q_max());
    g.weights[std::string(name) + ".weight"] = {to_host(w), params};
    g.weights[std::string(name) + ".bias"] = {to_host(at::randn({outputs})), std::nullopt};
  }
  g.metadata["activations"] = "asymmetric";
  return g;
}

/// What is written evaluates to what the module in evaluation mode gives, in training mode too where nothing is drawn.
void expect_written(GraphModule& module) {
  const torch::Tensor x = at::rand({2, 3, 8, 8});
  torch::NoGradGuard no_grad;
  const torch::Tensor in_training = module.forward(x)[0];
  module.train(false);
  const torch::Tensor evaluated = module.forward(x)[0];
  const graph::Graph written = module.graph();
  EXPECT_TRUE(at::allclose(GraphModule(written).forward(x)[0], evaluated, 0, 1e-5));
  EXPECT_TRUE(at::allclose(in_training, evaluated, 0, 1e-5));
  module.train(true);
}

/// A step of gradient descent on everything that trains.
void descend(GraphModule& module, double rate) {
  const torch::Tensor x = at::rand({4, 3, 8, 8});
  module.forward(x)[0].square().sum().backward();
  torch::NoGradGuard no_grad;
  for (auto& [name, value] : module.parameters()) {
    torch::Tensor leaf = value;
    ASSERT_TRUE(leaf.grad().defined()) << name;
    leaf.sub_(leaf.grad(), rate);
    if (name.ends_with(".scale") || name.ends_with(".alpha")) leaf.clamp_min_(1e-3);
    leaf.mutable_grad() = torch::Tensor();
  }
}

TEST(GraphModuleQat, LearnsEveryKindAndWritesWhatItSimulates) {
  for (const auto weights : {WeightQuantizer::uniform, WeightQuantizer::dorefa}) {
    for (const auto activations :
         {ActivationQuantizer::lsq, ActivationQuantizer::lsq_plus, ActivationQuantizer::pact}) {
      for (const auto ranges : {WeightRanges::follow, WeightRanges::frozen, WeightRanges::learned}) {
        for (const double delta : weights == WeightQuantizer::uniform ? std::vector{0.0, 0.2} : std::vector{0.0}) {
          const bool pact = activations == ActivationQuantizer::pact;
          const graph::Graph start = two_convolutions(pact ? graph::Op::relu : graph::Op::silu);
          GraphModule module(start);
          QatOptions options;
          options.learn_activations = true;
          options.activations = activations;
          options.weight_ranges = ranges;
          options.weights = weights;
          options.ewgs_delta = delta;
          module.learn(options);
          const torch::Tensor x = at::rand({2, 3, 8, 8});
          {
            torch::NoGradGuard no_grad;  // it begins where the model stands
            EXPECT_TRUE(at::allclose(module.forward(x)[0], GraphModule(start).forward(x)[0], 0, 1e-4));
          }
          module.train(true);
          const auto parameters = module.parameters();
          EXPECT_EQ(parameters.count("act.scale"), pact ? 0 : 1);
          EXPECT_EQ(parameters.count("act.alpha"), pact ? 1 : 0);
          EXPECT_EQ(parameters.count("act.offset"), activations == ActivationQuantizer::lsq_plus ? 1 : 0);
          EXPECT_EQ(parameters.count("c.weight.scale"), ranges == WeightRanges::learned ? 1 : 0);
          for (int step = 0; step < 2; ++step) descend(module, 1e-3);
          expect_written(module);
          const graph::Graph written = module.graph();
          EXPECT_EQ(graph::has_fixed_weight_scales(written), ranges != WeightRanges::follow);
          EXPECT_EQ(graph::has_learned_weight_scales(written), ranges == WeightRanges::learned);
          const auto& before = *start.weights.at("c.weight").quant;
          if (weights == WeightQuantizer::uniform) {  // DoReFa's largest size stays
            EXPECT_EQ(written.weights.at("c.weight").quant->scale == before.scale, ranges == WeightRanges::frozen);
          }
          EXPECT_NE(written.edges[2].quant->scale, start.edges[2].quant->scale);
        }
      }
    }
  }
}

TEST(GraphModuleQat, LearnedScalesLeaveRoomForABias) {
  GraphModule module(two_convolutions(graph::Op::silu));
  QatOptions options;
  options.weight_ranges = WeightRanges::learned;
  module.learn(options);
  module.train(true);
  const auto parameters = module.parameters();
  {
    torch::NoGradGuard no_grad;
    torch::Tensor(parameters.at("d.weight.scale")).fill_(1e-20f);
    torch::Tensor(parameters.at("d.bias")).fill_(3.0f);
  }
  const graph::Graph written = module.graph();
  for (const float scale : written.weights.at("d.weight").quant->scale) {
    EXPECT_NEAR(3 / (static_cast<double>(0.1f) * scale), 0x1p30, 0x1p10);
  }
}

TEST(GraphModuleQat, ScalesOfTwoBitsBeginWhereWeightsAreSeen) {
  graph::Graph graph = two_convolutions(graph::Op::silu, 2);
  std::vector<float> values{8, 0.25f, -0.5f, 1, 1, 1, -4, 4, 0, 0, 0, 0};  // 4 channels of 3: the last one is dead
  graph.weights.at("c.weight") = {quench::Tensor::from(values, {4, 3, 1, 1}), weight_params(2, 4, 0)};
  graph.weights.at("c.weight").quant->scale = {8, 1, 4, 0x1p-20f};
  QatOptions options;
  options.weight_ranges = WeightRanges::learned;
  const auto begins = [&] {
    GraphModule module(graph);
    module.learn(options);
    return numbers(module.parameters().at("c.weight.scale"));
  };
  const std::vector<double> first = begins();  // 2 mean|w|, q_max 1
  EXPECT_NEAR(first[0], 2 * 8.75 / 3, 1e-5);
  EXPECT_NEAR(first[1], 1, 1e-6) << "the model's is less";
  EXPECT_NEAR(first[2], 4, 1e-6);
  EXPECT_EQ(first[3], 0x1p-20);
  graph.metadata["weight_scales"] = "fixed";  // something chose them
  EXPECT_EQ(begins()[0], 8);
}

TEST(GraphModuleQat, StochasticRoundingIsForTrainingAlone) {
  GraphModule module(two_convolutions(graph::Op::silu));
  QatOptions options;
  options.stochastic_rounding = true;
  module.learn(options);
  const torch::Tensor x = at::rand({2, 3, 8, 8});
  torch::NoGradGuard no_grad;
  const torch::Tensor before = module.forward(x)[0];
  module.train(true);
  module.at_step(1);
  const torch::Tensor one = module.forward(x)[0];
  module.at_step(2);
  EXPECT_FALSE(at::equal(one, module.forward(x)[0]));
  module.at_step(1);
  EXPECT_TRUE(at::equal(one, module.forward(x)[0]));
  module.train(false);
  EXPECT_TRUE(at::allclose(module.forward(x)[0], before, 0, 1e-5));
}

TEST(GraphModuleQat, ACorrectionMovesScalesAndBiasesAlone) {
  const graph::Graph start = two_convolutions(graph::Op::silu);
  GraphModule module(start);
  QatOptions options;
  options.correction = true;
  module.learn(options);
  module.train(true);
  std::vector<std::string> names;
  for (const auto& [name, value] : module.parameters()) names.push_back(name);
  EXPECT_EQ(names, (std::vector<std::string>{"c.bias", "c.correction.scale", "d.bias", "d.correction.scale"}));
  for (int step = 0; step < 5; ++step) descend(module, 1e-3);
  expect_written(module);
  const graph::Graph written = module.graph();
  for (const char* name : {"c.weight", "d.weight"}) {
    const graph::Weight &a = start.weights.at(name), &b = written.weights.at(name);
    EXPECT_NE(a.quant->scale, b.quant->scale);
    const auto integers = [](const graph::Weight& weight) {
      return (to_torch(weight.value) / torch::tensor(weight.quant->scale).view({-1, 1, 1, 1})).round();
    };
    EXPECT_TRUE(at::equal(integers(a), integers(b))) << name;
  }
  EXPECT_TRUE(graph::has_fixed_weight_scales(written));
}

TEST(GraphModuleQat, WhatCannotTrainIsRefused) {
  const auto refusal = [](const graph::Graph& graph, const QatOptions& options) {
    GraphModule module(graph);
    const auto [kind, text] = error_of([&] { module.learn(options); });
    EXPECT_EQ(kind, ErrorKind::config);
    return text;
  };
  QatOptions pact, plus, dorefa, correction;
  pact.learn_activations = plus.learn_activations = true;
  pact.activations = ActivationQuantizer::pact;
  plus.activations = ActivationQuantizer::lsq_plus;
  dorefa.weights = WeightQuantizer::dorefa;
  correction.correction = true;
  EXPECT_NE(refusal(two_convolutions(graph::Op::silu), pact).find("can be negative"), std::string::npos);
  graph::Graph symmetric = two_convolutions(graph::Op::silu);
  symmetric.metadata["activations"] = "symmetric";
  EXPECT_NE(refusal(symmetric, plus).find("symmetric"), std::string::npos);
  graph::Graph floats = two_convolutions(graph::Op::silu);
  for (auto& [name, weight] : floats.weights) weight.quant.reset();
  for (graph::Edge& edge : floats.edges) edge.quant.reset();
  EXPECT_NE(refusal(floats, dorefa).find("quantize comes first"), std::string::npos);
  EXPECT_NE(refusal(floats, plus).find("got none"), std::string::npos);
  EXPECT_NE(refusal(two_convolutions(graph::Op::silu, 4, -1), correction).find("per_channel"), std::string::npos);
}

TEST(GraphModuleQat, RoundedWeightsAreWhatIsRounded) {
  GraphModule module(two_convolutions(graph::Op::silu));
  QatOptions options;
  options.weights = WeightQuantizer::dorefa;
  module.learn(options);
  module.train(true);
  const std::vector<RoundedWeight> weights = module.rounded_weights();
  ASSERT_EQ(weights.size(), 2u);
  EXPECT_EQ(weights[0].name, "c.weight");
  EXPECT_EQ(weights[0].q_max, 7);
  EXPECT_FALSE(at::equal(weights[0].leaf.detach(), weights[0].unrounded.detach()));
  EXPECT_TRUE(at::allclose(weights[0].unrounded.detach().cpu(), to_torch(module.graph().weights.at("c.weight").value)));
  EXPECT_EQ(weights[0].scale.sizes().vec(), (std::vector<int64_t>{4, 1, 1, 1}));
}

TEST(GraphModuleQat, SimulatesTheEnginesSiluInEvaluation) {
  graph::Graph graph = two_convolutions(graph::Op::silu, 8);
  graph.edges[2].quant = graph::QuantParams{DType::u8, 8, {0.01f}, {100}, -1};
  const torch::Tensor x = at::rand({64, 3, 8, 8});  // enough values that some are rounded apart
  torch::NoGradGuard no_grad;
  const auto values = [&](const graph::Graph& g, bool training) {
    GraphModule module(g);
    module.train(training);
    return module.forward(x, {2})[1];
  };
  graph::Graph native = graph;
  native.metadata["target"] = "native";
  const torch::Tensor exact = values(graph, false);
  EXPECT_TRUE(at::equal(exact, values(native, true)));
  EXPECT_FALSE(at::equal(exact, values(native, false)));
  // By hand: the sum of the convolution, the engine's SiLU, one rounding.
  GraphModule module(native);
  const torch::Tensor sum = module.forward(x, {1})[1];
  EXPECT_TRUE(at::equal(fake_quantize(engine_silu(sum), *native.edges[2].quant), values(native, false)));
  EXPECT_TRUE(
      at::allclose(engine_silu(sum.contiguous()), engine_silu(sum.to(torch::kDouble)).to(torch::kFloat), 0, 1e-5));
  EXPECT_LT((engine_silu(sum) - at::silu(sum)).abs().max().item<double>(), 1.1e-3);
  graph::Graph fused = native;  // as the runtime of this name has it
  fused.nodes[0].activation = graph::Activation::silu;
  fused.nodes[0].outputs = {2};
  fused.nodes.erase(fused.nodes.begin() + 1);
  EXPECT_TRUE(at::equal(values(fused, false), values(native, false)));
}

}  // namespace
}  // namespace quench::nn
