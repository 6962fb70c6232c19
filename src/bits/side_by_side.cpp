#include "bits/side_by_side.h"

#include <ATen/ATen.h>

#include "core/workers.h"

namespace quench::bits {

SideBySide::SideBySide(nn::GraphModule& module, const graph::Graph& graph, size_t copies) : module_(module) {
  const auto own = module.parameters();
  for (size_t i = 0; i < copies; ++i) {
    copies_.emplace_back(graph);
    for (auto& [name, value] : copies_.back().parameters()) value.set_data(own.at(name).detach());
  }
}

void SideBySide::add_gradients(const Next& next, const LossOf& loss) {
  bool more = true;
  while (more) {
    std::vector<data::Batch> batches;
    while (more && batches.size() < copies_.size()) {
      std::optional<data::Batch> batch = next();
      if (batch) batches.push_back(std::move(*batch));
      more = batch.has_value();
    }
    if (batches.empty()) return;
    run_workers(static_cast<int>(batches.size()), [&](int number) {
      const auto worker = static_cast<size_t>(number);
      nn::GraphModule& copy = copies_[worker];
      for (const auto& [name, value] : copy.parameters()) value.mutable_grad().reset();
      const torch::Tensor of_batch = loss(copy, batches[worker], worker);
      if (of_batch.requires_grad()) of_batch.backward();
    });
    const auto own = module_.parameters();
    for (size_t i = 0; i < batches.size(); ++i) {
      for (const auto& [name, value] : copies_[i].parameters()) {
        const torch::Tensor& gradient = value.grad();
        if (!gradient.defined()) continue;
        const torch::Tensor& sum = own.at(name);
        if (sum.grad().defined()) {
          sum.mutable_grad().add_(gradient);
        } else {
          sum.mutable_grad() = gradient.clone();
        }
      }
    }
  }
}

}  // namespace quench::bits
