#include "quant/output_gradients.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

#include <vector>

#include "core/error.h"
#include "core/rng.h"

namespace quench::quant {
namespace {

/// e, of draw `draw`: [N,C].
torch::Tensor signs(int64_t images, int64_t classes, uint64_t seed, int64_t first, int64_t draw) {
  torch::Tensor out = torch::empty({images, classes});
  float* value = out.data_ptr<float>();
  for (int64_t i = 0; i < images; ++i) {
    Rng rng(seed, "fisher", static_cast<uint64_t>(first + i), static_cast<uint64_t>(draw));
    for (int64_t c = 0; c < classes; ++c) *value++ = rng.chance(0.5) ? 1.0F : -1.0F;
  }
  return out;
}

}  // namespace

torch::Tensor squared_gradients(nn::GraphModule& module, graph::EdgeId edge, const torch::Tensor& pixels, uint64_t seed,
                                int64_t first, int64_t draws) {
  const torch::AutoGradMode with_gradient(true);
  const std::vector<torch::Tensor> made = module.forward(pixels, {edge});
  const torch::Tensor &scores = made.front(), &value = made.back();
  if (made.size() != 2 || scores.dim() != 2) {
    fail(
        ErrorKind::unsupported,
        "[quant.output_gradients] weigh: fisher takes a model whose one output is scores of classes: a detector has no "
        "such loss");
  }
  const torch::Tensor p = scores.detach().softmax(1), root = p.sqrt();
  torch::Tensor sum = torch::zeros_like(value);
  for (int64_t draw = 0; draw < draws; ++draw) {
    const torch::Tensor noise = root * signs(scores.size(0), scores.size(1), seed, first, draw);
    const torch::Tensor xi = noise - p * noise.sum(1, true);
    const torch::Tensor gradient = torch::autograd::grad({(scores * xi).sum()}, {value}, {}, true).front();
    sum = sum + gradient.detach().square();
  }
  return sum.detach() / static_cast<double>(draws);
}

}  // namespace quench::quant
