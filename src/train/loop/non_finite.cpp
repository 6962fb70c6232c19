#include "train/loop/non_finite.h"

#include <torch/utils.h>

#include <map>

#include "core/error.h"

namespace quench::train {
namespace {

bool finite(const torch::Tensor& tensor) {
  return !tensor.defined() || !tensor.is_floating_point() || tensor.isfinite().all().item<bool>();
}

std::string first_edge(nn::GraphModule& module, const torch::Tensor& images) {
  const graph::Graph graph = module.graph();
  std::string found;
  module.set_edge_hook([&](graph::EdgeId id, const torch::Tensor& value) {
    if (found.empty() && !finite(value)) found = "the value of " + graph.edge(id).name;
  });
  module.train(true);
  module.forward(images);
  module.set_edge_hook({});
  return found;
}

}  // namespace

std::string first_non_finite(nn::GraphModule& module, const torch::Tensor& images) {
  const torch::NoGradGuard no_grad;
  const std::map<std::string, torch::Tensor> parameters = module.parameters();
  for (const auto& [name, value] : parameters) {
    if (!finite(value)) return "parameter " + name;
  }
  for (const auto& [name, value] : module.buffers()) {
    if (!finite(value)) return "statistic " + name;
  }
  for (const auto& [name, value] : parameters) {
    if (!finite(value.grad())) return "gradient of " + name;
  }
  const std::string edge = first_edge(module, images);
  return edge.empty() ? "nothing but the loss" : edge;
}

}  // namespace quench::train
