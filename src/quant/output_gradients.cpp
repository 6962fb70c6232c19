#include "quant/output_gradients.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <vector>

#include "core/error.h"
#include "core/rng.h"

namespace quench::quant {
namespace {

/// One class an image, each with its probability.
torch::Tensor drawn_classes(const torch::Tensor& scores, uint64_t seed, int64_t first) {
  const torch::Tensor sums = scores.detach().to(torch::kDouble).softmax(1).cumsum(1);
  torch::Tensor classes = torch::empty({scores.size(0)}, torch::kLong);
  for (int64_t i = 0; i < scores.size(0); ++i) {
    const double u = Rng(seed, "fisher", static_cast<uint64_t>(first + i)).uniform();
    const int64_t drawn = sums[i].le(u).sum().item<int64_t>();
    classes.data_ptr<int64_t>()[i] = std::min(drawn, scores.size(1) - 1);
  }
  return classes;
}

}  // namespace

torch::Tensor squared_gradients(nn::GraphModule& module, graph::EdgeId edge, const torch::Tensor& pixels, uint64_t seed,
                                int64_t first) {
  const torch::AutoGradMode with_gradient(true);
  const std::vector<torch::Tensor> made = module.forward(pixels, {edge});
  const torch::Tensor &scores = made.front(), &value = made.back();
  if (made.size() != 2 || scores.dim() != 2) {
    fail(
        ErrorKind::unsupported,
        "[quant.output_gradients] weigh: fisher takes a model whose one output is scores of classes: a detector has no "
        "such loss");
  }
  const torch::Tensor loss =
      at::nll_loss(scores.log_softmax(1), drawn_classes(scores, seed, first), {}, at::Reduction::Sum);
  const torch::Tensor gradient = torch::autograd::grad({loss}, {value}).front();
  return gradient.detach().square();
}

}  // namespace quench::quant
