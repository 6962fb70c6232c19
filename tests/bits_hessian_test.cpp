// The trace of the Hessian against closed forms.
#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>

#include "bits/hessian_trace.h"
#include "error_testing.h"
#include "quant_testing.h"

namespace quench::bits {
namespace {

/// images -> flatten -> linear: softmax regression.
graph::Graph softmax_regression() {
  quant::GraphSketch s(1);
  const auto flat = s.op("flat", graph::Op::flatten, {s.image()});
  return s.done({s.linear("fc", flat, 3, 5)});
}

/// Of softmax regression the Hessian's trace by the weights is sum over classes of p (1 - p), times |x|^2, a mean over
/// images.
TEST(HessianTrace, OfSoftmaxRegressionIsTheClosedForm) {
  const graph::Graph graph = softmax_regression();
  nn::GraphModule module(graph);
  const torch::Tensor x = torch::rand({32, 3, 1, 1}), labels = torch::arange(32).remainder(5);
  const auto add = [&] { torch::cross_entropy_loss(module.forward(x).at(0), labels).backward(); };
  torch::Tensor p;
  {
    const torch::NoGradGuard no_gradient;
    p = module.forward(x).at(0).softmax(1);
  }
  const double expected = ((p * (1 - p)).sum(1) * x.flatten(1).square().sum(1)).mean().item<double>();
  const torch::Tensor before = module.parameters().at("fc.weight").detach().clone();
  const auto traces = hessian_traces(module, {"fc.weight"}, add, 400, 3, CancelToken{});
  EXPECT_NEAR(traces.at("fc.weight"), expected, 0.05 * expected);
  EXPECT_TRUE(before.equal(module.parameters().at("fc.weight"))) << "the weights are put back";
  EXPECT_FALSE(module.parameters().at("fc.weight").grad().defined());
}

/// Of a loss that is a sum over layers of a_l |w_l|^2 / 2 the trace of layer l is a_l n_l, with no noise: H is
/// diagonal.
TEST(HessianTrace, OfADiagonalHessianIsExactByLayer) {
  const graph::Graph graph = quant::branched_graph();
  nn::GraphModule module(graph);
  const std::vector<std::string> names{"conv1.weight", "conv3.weight", "fc.weight"};
  const auto add = [&] {
    torch::Tensor loss = torch::zeros({});
    double a = 1;
    for (const std::string& name : names) loss = loss + (a *= 3) * module.parameters().at(name).square().sum() / 2;
    loss.backward();
  };
  const auto traces = hessian_traces(module, names, add, 1, 0, CancelToken{});
  double a = 1;
  for (const std::string& name : names) {
    const double expected = (a *= 3) * static_cast<double>(module.parameters().at(name).numel());
    EXPECT_NEAR(traces.at(name), expected, 1e-3 * expected) << name;
  }
}

TEST(HessianTrace, AGradientThatIsNotFiniteIsSaidAndTheWeightsPutBack) {
  nn::GraphModule module(softmax_regression());
  const torch::Tensor before = module.parameters().at("fc.weight").detach().clone();
  const auto add = [&] { (module.parameters().at("fc.weight").sum() * NAN).backward(); };
  const auto said = error_of([&] { hessian_traces(module, {"fc.weight"}, add, 1, 0, CancelToken{}); });
  EXPECT_EQ(said.first, ErrorKind::data);
  EXPECT_NE(said.second.find("fc.weight"), std::string::npos);
  EXPECT_TRUE(before.equal(module.parameters().at("fc.weight")));
}

}  // namespace
}  // namespace quench::bits
