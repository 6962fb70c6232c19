#include "why/readings.h"

#include <ATen/ATen.h>
#include <torch/types.h>

#include <cmath>

#include "core/error.h"
#include "graph/op_traits.h"
#include "nn/graph_module.h"

namespace quench::why {
namespace {

/// Share of values that may lie beyond either end of what a value is said to use.
constexpr double kTail = 0.0005;

/// Counts of the integers of one edge, those beyond its ends apart.
class LevelCounts {
 public:
  explicit LevelCounts(const graph::QuantParams& params)
      : scale_(params.scale.at(0)),
        zero_point_(params.zero_point.at(0)),
        low_(params.q_min()),
        high_(params.q_max()),
        counts_(static_cast<size_t>(high_ - low_ + 1)) {}

  void add(const torch::Tensor& value) {
    const torch::Tensor q = value.div(scale_).round_().add_(zero_point_);
    below_ += q.lt(low_).sum().item<double>();
    above_ += q.gt(high_).sum().item<double>();
    total_ += static_cast<double>(q.numel());
    const auto levels = static_cast<int64_t>(counts_.size());
    const torch::Tensor counts =
        q.flatten().histc(levels, static_cast<double>(low_) - 0.5, static_cast<double>(high_) + 0.5);
    const auto* data = counts.data_ptr<float>();
    for (int64_t i = 0; i < levels; ++i) counts_[static_cast<size_t>(i)] += data[i];
  }

  Reading result() const {
    Reading out;
    if (total_ == 0) return out;
    out.clamped_low = below_ / total_;
    out.clamped_high = above_ / total_;
    std::vector<double> all = counts_;  // clamped values take the end's integer
    all.front() += below_;
    all.back() += above_;
    size_t first = 0, last = all.size() - 1;
    for (double cut = all[first]; cut <= kTail * total_ && first < last; cut += all[first]) ++first;
    for (double cut = all[last]; cut <= kTail * total_ && first < last; cut += all[last]) --last;
    out.range_use = static_cast<double>(last - first + 1) / static_cast<double>(all.size());
    return out;
  }

 private:
  double scale_;
  int64_t zero_point_, low_, high_;
  std::vector<double> counts_;
  double below_ = 0, above_ = 0, total_ = 0;
};

}  // namespace

std::map<graph::EdgeId, Reading> readings(const graph::Graph& quantized, const graph::Graph& reference,
                                          const std::vector<Tensor>& images, const CancelToken& cancel) {
  const torch::NoGradGuard no_gradient;
  std::map<graph::EdgeId, LevelCounts> counts;
  for (const graph::Node& node : quantized.nodes) {
    if (!graph::traits(node.op).layer) continue;
    const graph::EdgeId edge = node.inputs.at(0);
    const auto& params = quantized.edge(edge).quant;
    if (params && params->scale.size() == 1 && !params->dynamic) counts.emplace(edge, *params);
  }
  nn::GraphModule module(reference);
  module.set_edge_hook([&](graph::EdgeId edge, const torch::Tensor& value) {
    const auto found = counts.find(edge);
    if (found == counts.end()) return;
    if (!std::isfinite(value.sum(torch::kDouble).item<double>())) {
      fail(ErrorKind::data, "why: expected finite values, got others (edge {})", reference.edge(edge).name);
    }
    found->second.add(value);
  });
  for (const Tensor& batch : images) {
    cancel.check();
    module.forward(nn::to_torch(batch).permute({0, 3, 1, 2}));
  }
  std::map<graph::EdgeId, Reading> out;
  for (const auto& [edge, count] : counts) out.emplace(edge, count.result());
  return out;
}

}  // namespace quench::why
