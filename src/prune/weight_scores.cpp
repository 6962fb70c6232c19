#include "prune/weight_scores.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>

#include "core/error.h"
#include "core/rng.h"
#include "prune/unit_places.h"

namespace quench::prune {
namespace {

using graph::Graph;
using graph::Node;
using graph::Op;

/// Rows of `weight` that make each unit of a group on `edge`.
std::vector<std::vector<std::span<const float>>> rows_of(const ChannelGroup& group, graph::EdgeId edge,
                                                         const Tensor& weight) {
  const auto values = weight.values<float>();
  const size_t row = values.size() / static_cast<size_t>(weight.shape()[0]);
  std::vector<std::vector<std::span<const float>>> rows;
  for (const std::vector<int64_t>& places : places_on(group, edge)) {
    auto& of_unit = rows.emplace_back();
    for (const int64_t place : places) of_unit.push_back(values.subspan(static_cast<size_t>(place) * row, row));
  }
  return rows;
}

double distance(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double difference = static_cast<double>(a[i]) - b[i];
    sum += difference * difference;
  }
  return std::sqrt(sum);
}

void normalise(std::vector<double>& scores, Normalisation normalisation) {
  if (scores.empty() || normalisation == Normalisation::none) return;
  if (normalisation == Normalisation::lamp) {
    std::vector<size_t> order(scores.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::ranges::stable_sort(order, [&](size_t a, size_t b) { return scores[a] > scores[b]; });
    double sum = 0;
    for (size_t i : order) {
      const double square = scores[i] * scores[i];
      sum += square;
      scores[i] = sum > 0 ? square / sum : 0;
    }
    return;
  }
  const double unit = normalisation == Normalisation::max
                          ? *std::ranges::max_element(scores)
                          : std::accumulate(scores.begin(), scores.end(), 0.0) / static_cast<double>(scores.size());
  if (unit > 0) {
    for (double& score : scores) score /= unit;
  }
}

}  // namespace

Scores reduce(const MemberScores& members, Reduction reduction, Normalisation normalisation) {
  Scores scores;
  for (const auto& group : members) {
    std::vector<double> of_group;
    for (size_t m = 0; m < group.size() && (m == 0 || reduction != Reduction::first); ++m) {
      if (m == 0) of_group.assign(group[0].size(), 0.0);
      for (size_t u = 0; u < of_group.size(); ++u) {
        of_group[u] = reduction == Reduction::max ? std::max(of_group[u], group[m][u]) : of_group[u] + group[m][u];
      }
    }
    if (reduction == Reduction::mean) {
      for (double& score : of_group) score /= static_cast<double>(group.size());
    }
    normalise(of_group, normalisation);
    scores.push_back(std::move(of_group));
  }
  return scores;
}

MemberScores magnitude(const Graph& graph, const std::vector<ChannelGroup>& groups, int p) {
  MemberScores scores;
  for (const ChannelGroup& group : groups) {
    auto& of_group = scores.emplace_back();
    for (const int filter : filters_of(graph, group)) {
      const Node& node = graph.nodes[filter];
      auto& of_member = of_group.emplace_back();
      for (const auto& rows : rows_of(group, node.outputs[0], graph.required_weight(node, "weight").value)) {
        double sum = 0;
        for (const auto row : rows) {
          for (const float w : row) sum += p == 1 ? std::abs(w) : static_cast<double>(w) * w;
        }
        of_member.push_back(p == 1 ? sum : std::sqrt(sum));
      }
    }
  }
  return scores;
}

MemberScores batch_norm_scale(const Graph& graph, const std::vector<ChannelGroup>& groups) {
  MemberScores scores;
  for (const ChannelGroup& group : groups) {
    auto& of_group = scores.emplace_back();
    for (const Member& member : group.members) {
      const Node& node = graph.nodes[member.node];
      if (node.op != Op::batch_norm) continue;
      auto& of_member = of_group.emplace_back();
      for (const auto& rows : rows_of(group, node.outputs[0], graph.required_weight(node, "weight").value)) {
        double sum = 0;
        for (const auto row : rows) sum += std::abs(row[0]);
        of_member.push_back(sum);
      }
    }
    if (group.prunable() && of_group.empty()) {
      fail(ErrorKind::config, "[prune] criterion bn_scale expected a batch norm, got none (group {})", group.name);
    }
  }
  return scores;
}

MemberScores geometric_median(const Graph& graph, const std::vector<ChannelGroup>& groups) {
  MemberScores scores;
  for (const ChannelGroup& group : groups) {
    auto& of_group = scores.emplace_back();
    if (!group.prunable()) continue;
    for (const int filter : filters_of(graph, group)) {
      const Node& node = graph.nodes[filter];
      const auto rows = rows_of(group, node.outputs[0], graph.required_weight(node, "weight").value);
      std::vector<double> sums(rows.size(), 0.0);
      for (size_t a = 0; a < rows.size(); ++a) {
        for (size_t b = a + 1; b < rows.size(); ++b) {
          double between = 0;
          for (size_t i = 0; i < std::min(rows[a].size(), rows[b].size()); ++i)
            between += distance(rows[a][i], rows[b][i]);
          sums[a] += between;
          sums[b] += between;
        }
      }
      of_group.push_back(std::move(sums));
    }
  }
  return scores;
}

MemberScores at_random(const std::vector<ChannelGroup>& groups, uint64_t seed) {
  MemberScores scores;
  for (const ChannelGroup& group : groups) {
    Rng rng(seed, "prune " + group.name);
    std::vector<double> of_member;
    for (int64_t u = 0; u < group.width(); ++u) of_member.push_back(rng.uniform());
    scores.push_back({std::move(of_member)});
  }
  return scores;
}

}  // namespace quench::prune
