#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "models/spec.h"
#include "nn/fake_quant.h"
#include "nn/fused.h"
#include "nn/graph_module.h"
#include "nn/range_groups.h"

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

TEST(FakeQuantizeWeight, RangeFollowsTheWeightAndTheGradientPasses) {
  torch::manual_seed(3);
  torch::Tensor w = at::randn({5, 4, 3, 3});
  w[2].zero_();
  w.set_requires_grad(true);
  const graph::QuantParams params{DType::i8, 8, std::vector<float>(5, 1.0f), std::vector<int32_t>(5, 0), 0};
  const torch::Tensor y = fake_quantize_weight(w, params), dy = at::randn_like(w);
  y.backward(dy);
  EXPECT_TRUE(at::equal(w.grad(), dy));
  const torch::Tensor scale = symmetric_scales(w.detach(), params).view({5, 1, 1, 1});
  EXPECT_TRUE((scale > 0).all().item<bool>());
  const torch::Tensor q = y.detach() / scale;
  EXPECT_LT((q - q.round()).abs().max().item<double>(), 1e-4);
  EXPECT_NEAR(q.abs().max().item<double>(), 127, 1e-4);
  EXPECT_TRUE(((y.detach() - w.detach()).abs() <= scale * 0.5001).all().item<bool>());
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

TEST(GraphModule, IntegerWeightsEqualTheirSimulation) {
  graph::Graph simulated = quantized_graph();
  GraphModule trained(simulated);
  simulated = trained.graph();  // weight scales from the weights
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
