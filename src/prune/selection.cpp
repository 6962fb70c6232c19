#include "prune/selection.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "core/error.h"
#include "core/told_apart.h"
#include "prune/width_cost.h"

namespace quench::prune {
namespace {

using graph::Graph;

/// Steps of the search for a ratio: finer than one channel of 1,000,000.
constexpr int kSteps = 1 << 20;

/// Operations and kernels around a group, by role, sorted: groups of one form have the same place in their blocks.
std::string form_of(const Graph& graph, const ChannelGroup& group) {
  std::vector<std::string> parts;
  for (const Member& member : group.members) {
    const graph::Node& node = graph.nodes[member.node];
    std::string part = fmt::format("{} {}", static_cast<int>(member.role), graph::to_string(node.op));
    if (const auto* conv = std::get_if<graph::ConvAttributes>(&node.attributes)) {
      part += fmt::format(" {}x{}/{}", conv->kernel[0], conv->kernel[1], conv->stride[0]);
    }
    parts.push_back(std::move(part));
  }
  std::ranges::sort(parts);
  return fmt::format("{}", fmt::join(parts, ";"));
}

int64_t least_width(int64_t width, const Limits& limits) {
  const auto by_ratio = static_cast<int64_t>(std::ceil(static_cast<double>(width) * (1 - limits.max_ratio) - 1e-9));
  return std::min(width, std::max({int64_t{1}, limits.keep_min, by_ratio}));
}

int64_t within(int64_t kept, int64_t width, const Limits& limits) {
  kept = std::max(kept, least_width(width, limits));
  if (kept < width) kept = (kept + limits.round - 1) / limits.round * limits.round;
  return std::min(kept, width);
}

void check(const std::vector<ChannelGroup>& groups, const Scores& scores, const Limits& limits) {
  if (limits.round < 1) fail(ErrorKind::config, "[prune] expected round of 1 or more, got {}", limits.round);
  if (limits.keep_min < 1) fail(ErrorKind::config, "[prune] expected keep_min of 1 or more, got {}", limits.keep_min);
  if (!(limits.max_ratio > 0 && limits.max_ratio <= 1)) {
    fail(ErrorKind::config, "[prune] expected max_ratio in (0,1], got {}", limits.max_ratio);
  }
  ensure(scores.size() == groups.size(), "[prune] expected scores of {} groups, got {}", groups.size(), scores.size());
  for (size_t g = 0; g < groups.size(); ++g) {
    if (!groups[g].prunable()) continue;
    ensure(scores[g].size() == groups[g].units.size(), "[prune] expected {} scores, got {} (group {})",
           groups[g].units.size(), scores[g].size(), groups[g].name);
    for (double score : scores[g]) {
      if (!std::isfinite(score)) fail(ErrorKind::data, "[prune] a score is not finite (group {})", groups[g].name);
    }
  }
}

/// Units in the order in which they go: every group's (local), each form's, or all.
class Queue {
 public:
  Queue(const Graph& graph, const std::vector<ChannelGroup>& groups, const Scores& scores, Ranking ranking,
        const Limits& limits)
      : groups_(groups), limits_(limits) {
    std::map<std::string, std::vector<Unit>> pools;
    for (size_t g = 0; g < groups.size(); ++g) {
      if (!groups[g].prunable()) continue;
      const std::string pool = ranking == Ranking::local    ? std::to_string(g)
                               : ranking == Ranking::global ? std::string()
                                                            : form_of(graph, groups[g]);
      for (size_t u = 0; u < scores[g].size(); ++u) pools[pool].push_back({g, u, scores[g][u]});
    }
    for (auto& [name, units] : pools) {
      std::ranges::stable_sort(units, [](const Unit& a, const Unit& b) {
        return a.score != b.score ? a.score < b.score : std::pair(a.group, b.unit) < std::pair(b.group, a.unit);
      });
      pools_.push_back(std::move(units));
    }
  }

  /// What stays where `ratio` of each pool goes, as far as the limits allow: a group's lowest go first.
  Keep keep(double ratio) const {
    Keep keep = keep_all(groups_);
    for (const std::vector<Unit>& pool : pools_) {
      const auto size = static_cast<int64_t>(pool.size());
      const int64_t gone = size - static_cast<int64_t>(std::floor(static_cast<double>(size) * (1 - ratio) + 1e-9));
      std::map<size_t, int64_t> wanted;
      for (int64_t i = 0; i < gone; ++i) ++wanted[pool[i].group];
      std::map<size_t, int64_t> may_go;
      for (const auto& [g, n] : wanted) {
        const int64_t width = groups_[g].width();
        may_go[g] = width - within(width - n, width, limits_);
      }
      for (int64_t i = 0; i < gone; ++i) {
        if (may_go[pool[i].group]-- > 0) keep[pool[i].group][pool[i].unit] = false;
      }
    }
    return keep;
  }

 private:
  struct Unit {
    size_t group, unit;
    double score;
  };
  const std::vector<ChannelGroup>& groups_;
  Limits limits_;
  std::vector<std::vector<Unit>> pools_;
};

}  // namespace

int64_t kept_width(int64_t width, double ratio, const Limits& limits) {
  return within(static_cast<int64_t>(std::floor(static_cast<double>(width) * (1 - ratio) + 1e-9)), width, limits);
}

Keep keep_ratio(const Graph& graph, const std::vector<ChannelGroup>& groups, const Scores& scores, Ranking ranking,
                double ratio, const Limits& limits) {
  if (!(ratio > 0 && ratio < 1)) fail(ErrorKind::config, "[prune] expected a ratio in (0,1), got {}", ratio);
  check(groups, scores, limits);
  const Queue queue(graph, groups, scores, ranking, limits);
  Keep keep = queue.keep(ratio);
  if (keep == keep_all(groups) && queue.keep(1) == keep) {
    fail(ErrorKind::config, "[prune] a ratio of {} cuts nothing: {}", ratio,
         std::ranges::any_of(groups, &ChannelGroup::prunable)
             ? "the limits (round, keep_min, max_ratio) keep every channel"
             : "every layer keeps its channels: those of inputs, outputs and protected layers are not cut");
  }
  return keep;
}

Keep keep_budget(const Graph& graph, const std::vector<ChannelGroup>& groups, const Scores& scores, Ranking ranking,
                 const Budget& budget, const Limits& limits) {
  check(groups, scores, limits);
  const Queue queue(graph, groups, scores, ranking, limits);
  const auto cost_at = [&](int step) {
    return budget.cost(kept_counts(queue.keep(static_cast<double>(step) / kSteps)));
  };
  if (cost_at(0) <= budget.target) return keep_all(groups);
  if (const double least = cost_at(kSteps); least > budget.target) {
    const auto [wanted, possible] = told_apart(budget.target, least, 7);
    fail(ErrorKind::config,
         "[prune] cannot reach {} {}: {} is the least that inputs, outputs, protect, round, keep_min and max_ratio "
         "leave",
         wanted, budget.what, possible);
  }
  int too_few = 0, enough = kSteps;  // cost(too_few) > target >= cost(enough)
  while (enough - too_few > 1) {
    const int middle = too_few + (enough - too_few) / 2;
    (cost_at(middle) <= budget.target ? enough : too_few) = middle;
  }
  return queue.keep(static_cast<double>(enough) / kSteps);
}

}  // namespace quench::prune
