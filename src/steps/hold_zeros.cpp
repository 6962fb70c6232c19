#include "steps/hold_zeros.h"

#include <torch/types.h>

#include <map>

#include "graph/sparse_layers.h"
#include "nn/graph_module.h"

namespace quench::steps {

train::AfterStep hold_zeros(const graph::Graph& start) {
  std::map<std::string, torch::Tensor> masks;  // true where a weight is zero
  for (const auto& [name, layer] : graph::sparse_layers(start)) {
    const std::string weight = name + ".weight";
    masks.emplace(weight, nn::to_torch(start.weights.at(weight).value).eq(0));
  }
  if (masks.empty()) return {};
  return [masks](nn::GraphModule& module) mutable {
    const std::map<std::string, torch::Tensor> parameters = module.parameters();
    for (auto& [name, mask] : masks) {
      const auto found = parameters.find(name);
      if (found == parameters.end()) continue;  // it does not train (`learn: correction`)
      const torch::Tensor value = found->second.detach();
      mask = mask.to(value.device()).contiguous(value.suggest_memory_format());
      value.masked_fill_(mask, 0);
    }
  };
}

}  // namespace quench::steps
