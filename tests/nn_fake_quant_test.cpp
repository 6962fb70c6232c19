#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "models/spec.h"
#include "nn/fake_quant.h"
#include "nn/fused.h"
#include "nn/graph_module.h"
#include "nn/range_groups.h"
#include "nn/weight_scales.h"

namespace quench::nn {
namespace {

using graph::Op;

TEST(FakeQuantize, GradientsAreThoseOfTheEquations) {
  torch::manual_seed(1);
  const torch::Tensor x = at::randn({4, 3, 5, 5}).mul_(2).contiguous(at::MemoryFormat::ChannelsLast);
  const torch::Tensor dy = at::randn({4, 3, 5, 5});
  torch::Tensor leaf = x.clone().set_requires_grad(true), scale = at::full({1}, 0.02f).set_requires_grad(true);
  const QuantGrid grid{100, 0, 255};
  fake_quantize(leaf, scale, grid).backward(dy);
  // LSQ as its paper writes it, with ATen operations in double and autograd's own detach.
  torch::Tensor s = at::full({1}, static_cast<double>(0.02f), torch::kDouble).set_requires_grad(true);
  torch::Tensor wide = x.to(torch::kDouble).set_requires_grad(true);
  const double g = 1 / std::sqrt(75.0 * 255);
  const torch::Tensor s_scaled = (s - s * g).detach() + s * g;
  const torch::Tensor v = (wide / s_scaled).clamp(-100, 155);
  const torch::Tensor rounded = (v.round() - v).detach() + v;
  (rounded * s_scaled).backward(dy.to(torch::kDouble));
  EXPECT_TRUE(at::allclose(leaf.grad().to(torch::kDouble), wide.grad(), 1e-6, 1e-7));
  EXPECT_NEAR(scale.grad().item<double>(), s.grad().item<double>(), 1e-4 * std::abs(s.grad().item<double>()) + 1e-5);
}

TEST(FakeQuantize, PerChannelEqualsPerTensorOnEachChannel) {
  torch::manual_seed(2);
  const torch::Tensor x = at::randn({6, 4, 3, 3});
  graph::QuantParams params{DType::i8, 8, {.01f, .02f, .03f, .01f, .005f, .04f}, {0, 0, 0, 0, 0, 0}, 0};
  const torch::Tensor y = fake_quantize(x, params);
  for (int64_t c = 0; c < 6; ++c) {
    const torch::Tensor one = fake_quantize(x[c].clone(), params.scale[c], {0, params.q_min(), params.q_max()});
    EXPECT_TRUE(at::equal(y[c], one));
  }
}

TEST(FakeQuantizeWeight, ScalesOfThePresentValuesCoverThem) {
  torch::manual_seed(3);
  torch::Tensor w = at::randn({5, 4, 3, 3});
  w[2].zero_();
  w.set_requires_grad(true);
  const graph::QuantParams params{DType::i8, 8, std::vector<float>(5, 1.0f), std::vector<int32_t>(5, 0), 0};
  const torch::Tensor scale = max_abs_scales(w.detach(), {}, {}, params);
  const torch::Tensor dy = at::randn_like(w);
  for (const bool covered : {true, false}) {  // what is not clamped has the same gradient either way
    const torch::Tensor y = fake_quantize_weight(w, scale, params, covered);
    w.mutable_grad() = torch::Tensor();
    y.backward(dy);
    EXPECT_TRUE(at::equal(w.grad(), dy));
    EXPECT_TRUE((scale > 0).all().item<bool>());
    const torch::Tensor steps = scale.view({5, 1, 1, 1}), q = y.detach() / steps;
    EXPECT_LT((q - q.round()).abs().max().item<double>(), 1e-4);
    EXPECT_NEAR(q.abs().max().item<double>(), 127, 1e-4);
    EXPECT_TRUE(((y.detach() - w.detach()).abs() <= steps * 0.5001).all().item<bool>());
  }
}

TEST(FakeQuantizeWeight, FixedScalesClampAndStopTheGradientThere) {
  for (const int axis : {0, -1}) {
    const graph::QuantParams params{DType::i8, 4, {9.0f}, {0}, axis};  // 4 bits: -7 .. 7
    torch::Tensor w = torch::tensor({0.26f, -0.75f, 0.76f, -5.0f}).view({1, 4, 1, 1}).set_requires_grad(true);
    const torch::Tensor y = fake_quantize_weight(w, torch::tensor({0.1f}), params, false);
    EXPECT_TRUE(at::allclose(y.flatten(), torch::tensor({0.3f, -0.7f, 0.7f, -0.7f})));
    y.backward(torch::tensor({1.0f, 2.0f, 3.0f, 4.0f}).view({1, 4, 1, 1}));
    EXPECT_TRUE(at::equal(w.grad().flatten(), torch::tensor({1.0f, 0.0f, 0.0f, 0.0f})));
  }
}

/// The rule in plain loops.
std::vector<float> plain_scales(const torch::Tensor& w, const std::vector<float>& bias, float input_scale, int bits,
                                bool per_channel) {
  const double q_max = (1 << (bits - 1)) - 1;
  std::vector<float> scales;
  for (int64_t group = 0; group < (per_channel ? w.size(0) : 1); ++group) {
    double scale = 0, floor = 0;
    for (int64_t o = 0; o < w.size(0); ++o) {
      if (per_channel && o != group) continue;
      for (int64_t i = 0; i < w[o].numel(); ++i) {
        scale = std::max(scale, std::abs(static_cast<double>(w[o].flatten()[i].item<float>())) / q_max);
      }
      if (!bias.empty()) floor = std::max(floor, std::abs(static_cast<double>(bias[o])) / input_scale / 0x1p30);
    }
    scales.push_back(static_cast<float>(std::max(scale > 0 ? scale : 0x1p-20, floor)));
  }
  return scales;
}

TEST(MaxAbsScales, AreTheRuleToTheBit) {
  torch::manual_seed(9);
  for (const int bits : {2, 4, 7, 8}) {
    for (const bool per_channel : {true, false}) {
      torch::Tensor w = at::randn({7, 3, 2, 2}).mul_(0.3);
      w[1].mul_(1e-12);  // the bias decides here, and where all is zero
      w[2].zero_();
      const std::vector<float> bias{0.5f, -3, 2, 0, 1, 1e6f, 1e-3f};
      const int axis = per_channel ? 0 : -1;
      for (const bool with_bias : {true, false}) {
        const quench::Tensor host_bias = quench::Tensor::from(bias, {7});
        const graph::QuantParams got =
            max_abs_params(to_host(w), with_bias ? &host_bias : nullptr, 0.0123f, bits, axis);
        const std::vector<float> expected =
            plain_scales(w, with_bias ? bias : std::vector<float>{}, 0.0123f, bits, per_channel);
        EXPECT_EQ(got, (graph::QuantParams{DType::i8, bits, expected, std::vector<int32_t>(expected.size(), 0), axis}));
      }
    }
  }
}

TEST(FusedBatchNorm, GradientsEqualAtenInDouble) {
  torch::manual_seed(4);
  for (bool training : {true, false}) {
    for (int64_t channels : {3, 16, 20}) {
      const torch::Tensor x = at::randn({4, channels, 6, 6}).contiguous(at::MemoryFormat::ChannelsLast);
      const torch::Tensor dy = at::randn_like(x);
      const torch::Tensor w = at::rand({channels}) + 0.5, b = at::randn({channels});
      const torch::Tensor mean = at::randn({channels}), variance = at::rand({channels}) + 0.5;
      torch::Tensor leaf = x.clone().set_requires_grad(true);
      BatchNormTensors tensors{w.clone().set_requires_grad(true), b.clone().set_requires_grad(true), mean.clone(),
                               variance.clone()};
      const torch::Tensor y = fused_batch_norm(leaf, tensors, training, 0.03, 1e-3, true);
      y.backward(dy);
      const auto wide = [](const torch::Tensor& t) { return t.to(torch::kDouble).detach().set_requires_grad(true); };
      torch::Tensor X = wide(x), W = wide(w), B = wide(b);
      torch::Tensor M = mean.to(torch::kDouble), V = variance.to(torch::kDouble);
      const torch::Tensor Y = at::silu(at::batch_norm(X, W, B, M, V, training, 0.03, 1e-3, false));
      Y.backward(dy.to(torch::kDouble));
      EXPECT_TRUE(at::allclose(y.to(torch::kDouble), Y, 1e-5, 1e-5));
      EXPECT_TRUE(at::allclose(leaf.grad().to(torch::kDouble), X.grad(), 1e-4, 1e-5));
      EXPECT_TRUE(at::allclose(tensors.weight.grad().to(torch::kDouble), W.grad(), 1e-4, 1e-4));
      EXPECT_TRUE(at::allclose(tensors.bias.grad().to(torch::kDouble), B.grad(), 1e-4, 1e-4));
      EXPECT_TRUE(at::allclose(tensors.running_mean.to(torch::kDouble), M, 1e-6, 1e-6));
      EXPECT_TRUE(at::allclose(tensors.running_var.to(torch::kDouble), V, 1e-6, 1e-6));
    }
  }
}

/// images -> conv a, conv b -> concat -> max_pool -> conv c, all edges quantized; concat's share one range.
graph::Graph quantized_graph() {
  const graph::QuantParams shared{DType::u8, 8, {0.03f}, {120}, -1};
  graph::Graph g;
  const auto edge = [&](const char* name, Shape shape, std::optional<graph::QuantParams> quant) {
    return g.add_edge({name, std::move(shape), DType::f32, std::move(quant)});
  };
  const auto images = edge("images", {1, 3, 8, 8}, graph::QuantParams{DType::u8, 8, {1 / 255.0f}, {0}, -1});
  const auto a = edge("a", {1, 4, 8, 8}, shared), b = edge("b", {1, 4, 8, 8}, shared);
  const auto both = edge("both", {1, 8, 8, 8}, shared), pooled = edge("pooled", {1, 8, 4, 4}, shared);
  const auto out = edge("out", {1, 2, 4, 4}, graph::QuantParams{DType::u8, 8, {0.03f}, {120}, -1});
  graph::ConvAttributes conv;
  graph::PoolAttributes pool{{2, 2}, {2, 2}, {0, 0}};
  g.nodes = {{"ca", Op::conv, conv, {images}, {a}, {}},
             {"cb", Op::conv, conv, {images}, {b}, {}},
             {"cat", Op::concat, {}, {a, b}, {both}, {}},
             {"pool", Op::max_pool, pool, {both}, {pooled}, {}},
             {"cc", Op::conv, conv, {pooled}, {out}, {}}};
  g.inputs = {images};
  g.outputs = {out};
  torch::manual_seed(5);
  for (const char* name : {"ca", "cb", "cc"}) {
    const bool last = name[1] == 'c';
    const int64_t outputs = last ? 2 : 4, inputs = last ? 8 : 3;
    g.weights[std::string(name) + ".weight"] = {
        to_host(at::randn({outputs, inputs, 1, 1})),
        graph::QuantParams{DType::i8, 8, std::vector<float>(outputs, 0.02f), std::vector<int32_t>(outputs, 0), 0}};
  }
  return g;
}

TEST(RangeGroups, JoinEdgesThatValuesOnlyMoveBetween) {
  const RangeGroups groups = find_range_groups(quantized_graph());
  ASSERT_EQ(groups.members.size(), 3u);
  EXPECT_EQ(groups.members[1], (std::vector<graph::EdgeId>{1, 2, 3, 4}));
  EXPECT_FALSE(groups.learnable[0]);                        // the image
  EXPECT_TRUE(groups.learnable[1] && groups.learnable[2]);  // equal parameters, but not joined
  EXPECT_EQ(groups.redundant, (std::vector<bool>{false, false, false, true, true, false}));
}

TEST(GraphModule, LearnsOneScaleForEachGroup) {
  GraphModule module(quantized_graph());
  module.train(true);
  module.learn_ranges(true);
  const auto parameters = module.parameters();
  EXPECT_EQ(parameters.count("images.scale"), 0u);
  EXPECT_EQ(parameters.count("b.scale"), 0u);
  ASSERT_EQ(parameters.count("a.scale") + parameters.count("out.scale"), 2u);
  const torch::Tensor y = module.forward(at::rand({2, 3, 8, 8}))[0];
  const torch::Tensor q = y.detach() / 0.03f;
  EXPECT_LT((q - q.round()).abs().max().item<double>(), 1e-3);  // on the grid
  y.square().sum().backward();
  torch::Tensor scale = parameters.at("a.scale");
  ASSERT_TRUE(scale.grad().defined());
  EXPECT_NE(scale.grad().item<float>(), 0);
  {
    torch::NoGradGuard no_grad;
    scale.fill_(0.05f);
  }
  const graph::Graph moved = module.graph();
  for (const char* name : {"a", "b", "both", "pooled"}) {
    for (const graph::Edge& edge : moved.edges) {
      if (edge.name == name) {
        EXPECT_EQ(edge.quant->scale[0], 0.05f) << name;
      }
    }
  }
  module.learn_ranges(false);
  EXPECT_EQ(module.parameters().count("a.scale"), 0u);
  EXPECT_EQ(module.graph().edges[1].quant->scale[0], 0.05f);
}

std::vector<float> scales_of(const graph::Graph& graph, const std::string& weight) {
  return graph.weights.at(weight).quant->scale;
}

/// What max_abs_scales makes of the weights that a graph holds.
std::vector<float> covering(const graph::Graph& graph, const std::string& node) {
  for (const graph::Node& n : graph.nodes) {
    if (n.name != node) continue;
    const graph::Weight& weight = graph.required_weight(n, "weight");
    const graph::Weight* bias = graph.weight(n, "bias");
    return max_abs_params(weight.value, bias ? &bias->value : nullptr, graph.edge(n.inputs[0]).quant->scale[0],
                          weight.quant->bits, weight.quant->axis)
        .scale;
  }
  return {};
}

void move_weights(const GraphModule& module, double factor) {
  torch::NoGradGuard no_grad;
  for (auto& [name, value] : module.parameters()) {
    if (name.ends_with(".weight")) torch::Tensor(value).mul_(factor);
  }
}

TEST(GraphModule, TakesScalesOfWeightsFromTheGraph) {
  graph::Graph by_hand = quantized_graph();
  by_hand.weights.at("ca.weight").quant->scale = {0.1f, 0.013f, 0.002f, 1.0f};
  GraphModule module(by_hand);
  EXPECT_EQ(scales_of(module.graph(), "ca.weight"), scales_of(by_hand, "ca.weight"));
  // By hand: the same network with weights that lie on the grid of those scales, and no quantization of them.
  graph::Graph rounded = by_hand;
  for (const char* name : {"ca.weight", "cb.weight", "cc.weight"}) {
    graph::Weight& weight = rounded.weights.at(name);
    const torch::Tensor scale = torch::tensor(weight.quant->scale).view({-1, 1, 1, 1});
    weight.value = to_host((to_torch(weight.value) / scale).round().clamp(-127, 127) * scale);
    weight.quant.reset();
  }
  const torch::Tensor x = at::rand({2, 3, 8, 8});
  torch::NoGradGuard no_grad;
  EXPECT_TRUE(at::equal(module.forward(x)[0], GraphModule(rounded).forward(x)[0]));
  EXPECT_FALSE(at::equal(module.forward(x)[0], GraphModule(quantized_graph()).forward(x)[0]));
}

TEST(GraphModule, ScalesOfWeightsFollowThemInTraining) {
  GraphModule module(quantized_graph());
  module.train(true);
  for (const double factor : {3.0, 0.25}) {
    move_weights(module, factor);
    const torch::Tensor x = at::rand({2, 3, 8, 8});
    const torch::Tensor in_training = module.forward(x)[0].detach();
    const graph::Graph now = module.graph();
    for (const char* name : {"ca", "cb", "cc"}) {
      EXPECT_EQ(scales_of(now, std::string(name) + ".weight"), covering(now, name));
    }
    torch::NoGradGuard no_grad;
    EXPECT_TRUE(at::equal(GraphModule(now).forward(x)[0], in_training));  // with what stands in the graph
    module.train(false);
    move_weights(module, 1.5);  // as an average's values are written over them
    const graph::Graph moved = module.graph();
    EXPECT_TRUE(at::equal(GraphModule(moved).forward(x)[0], module.forward(x)[0]));
    EXPECT_EQ(scales_of(moved, "cb.weight"), covering(moved, "cb"));
    module.train(true);
  }
}

TEST(GraphModule, ScalesOfWeightsLeaveRoomForABiasAtTheLearnedInputScale) {
  graph::Graph graph = quantized_graph();
  graph.weights["cc.bias"] = {quench::Tensor::from(std::vector<float>{3, -2}, {2}), std::nullopt};
  GraphModule module(graph);
  module.train(true);
  module.learn_ranges(true);
  const auto parameters = module.parameters();
  {
    torch::NoGradGuard no_grad;
    torch::Tensor(parameters.at("cc.weight"))[0].zero_();
    torch::Tensor(parameters.at("a.scale")).fill_(1e-5f);  // shared with cc's input
  }
  const graph::Graph now = module.graph();
  EXPECT_EQ(scales_of(now, "cc.weight"), covering(now, "cc"));
  const double steps = 3 / (static_cast<double>(1e-5f) * scales_of(now, "cc.weight")[0]);
  EXPECT_NEAR(steps, 0x1p30, 0x1p10);
}

TEST(GraphModule, FixedScalesOfWeightsStay) {
  graph::Graph graph = quantized_graph();
  graph.metadata["weight_scales"] = "fixed";
  GraphModule module(graph);
  module.train(true);
  move_weights(module, 4);
  module.forward(at::rand({2, 3, 8, 8}))[0].sum().backward();
  const graph::Graph now = module.graph();
  for (const char* name : {"ca.weight", "cb.weight", "cc.weight"}) {
    EXPECT_EQ(scales_of(now, name), scales_of(graph, name));
    const torch::Tensor w = module.parameters().at(name);
    const torch::Tensor clamped = (w.detach() / 0.02f).round().abs() > 127;
    ASSERT_GT(clamped.sum().item<int64_t>(), 0);
    EXPECT_EQ((w.grad() * clamped).abs().max().item<float>(), 0);
    EXPECT_GT((w.grad() * clamped.logical_not()).abs().max().item<float>(), 0);
  }
  graph.metadata["weight_scales"] = "perhaps";
  GraphModule unknown(graph);
  EXPECT_THROW(unknown.train(true), Error);
}

TEST(GraphModule, IntegerWeightsEqualTheirSimulation) {
  graph::Graph simulated = quantized_graph();
  for (const char* name : {"ca", "cb", "cc"}) {
    simulated.weights.at(std::string(name) + ".weight").quant->scale = covering(simulated, name);
  }
  GraphModule trained(simulated);
  graph::Graph integer = simulated;
  for (auto& [name, weight] : integer.weights) {
    const torch::Tensor scale = torch::tensor(weight.quant->scale).view({-1, 1, 1, 1});
    weight.value = to_host((to_torch(weight.value) / scale).round().to(torch::kChar));
  }
  GraphModule real(integer);
  EXPECT_TRUE(real.parameters().empty());
  const torch::Tensor x = at::randint(0, 256, {2, 3, 8, 8}, torch::kByte);
  torch::NoGradGuard no_grad;
  EXPECT_TRUE(at::allclose(real.forward(x)[0], trained.forward(x)[0], 0, 1e-6));
  trained.simulate_quantization(false);
  EXPECT_FALSE(at::allclose(real.forward(x)[0], trained.forward(x)[0], 0, 1e-4));
}

}  // namespace
}  // namespace quench::nn
