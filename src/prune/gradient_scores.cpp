#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "graph/links.h"
#include "prune/image_scores.h"
#include "prune/unit_places.h"

namespace quench::prune {
namespace {

using graph::Graph;
using graph::Node;

/// What a channel's products of gradient and weight amount to in one batch.
enum class Form { square_of_sum, sum_of_absolutes, half_sum_of_squares };

/// One weight of a member, and which of its rows are each unit's.
struct Part {
  std::string weight;
  std::vector<std::vector<int64_t>> rows;
};

/// A layer that has a say in a group: its weights and those of the batch norms behind it.
struct GradientMember {
  std::vector<Part> parts;
  std::vector<double> sums;  ///< over batches, by unit
};

void add_parts(const Graph& graph, const ChannelGroup& group, const Node& node, std::vector<Part>& parts) {
  for (const char* role : {"weight", "bias"}) {
    if (graph.weight(node, role)) parts.push_back({node.name + "." + role, places_on(group, node.outputs[0])});
  }
}

std::vector<GradientMember> members_of(const Graph& graph, const graph::Links& links, const ChannelGroup& group) {
  std::vector<GradientMember> members;
  std::vector<int> taken;
  for (const int filter : filters_of(graph, group)) {
    GradientMember& member = members.emplace_back();
    add_parts(graph, group, graph.nodes[filter], member.parts);
    for (const int reader : links.consumers[graph.nodes[filter].outputs[0]]) {
      if (graph.nodes[reader].op != graph::Op::batch_norm) continue;
      add_parts(graph, group, graph.nodes[reader], member.parts);
      taken.push_back(reader);
    }
  }
  for (const Member& member : group.members) {
    const Node& node = graph.nodes[member.node];
    if (node.op != graph::Op::batch_norm || std::ranges::count(taken, member.node) > 0) continue;
    taken.push_back(member.node);
    add_parts(graph, group, node, members.emplace_back().parts);
  }
  for (GradientMember& member : members) member.sums.assign(group.units.size(), 0.0);
  return members;
}

class GradientScores : public ImageScores {
 public:
  GradientScores(Form form, const Graph& graph, const std::vector<ChannelGroup>& groups, int64_t batch)
      : form_(form), graph_(graph), batch_(batch) {
    const graph::Links links(graph);
    for (const ChannelGroup& group : groups) {
      groups_.push_back(group.prunable() ? members_of(graph, links, group) : std::vector<GradientMember>());
    }
  }

  bool wants_gradients() const override { return true; }
  int64_t batch() const override { return batch_; }

  void add(const SeenBatch& seen) override {
    ++batches_;
    for (std::vector<GradientMember>& group : groups_) {
      for (GradientMember& member : group) add_member(member, seen);
    }
  }

  MemberScores scores() const override {
    if (batches_ == 0) fail(ErrorKind::data, "[prune] expected gradients of one batch or more, got none");
    MemberScores scores;
    for (const std::vector<GradientMember>& group : groups_) {
      auto& of_group = scores.emplace_back();
      for (const GradientMember& member : group) {
        auto& of_member = of_group.emplace_back(member.sums);
        for (double& score : of_member) score /= static_cast<double>(batches_);
      }
    }
    return scores;
  }

 private:
  void add_member(GradientMember& member, const SeenBatch& seen) const {
    std::vector<double> of_batch(member.sums.size(), 0.0);
    for (const Part& part : member.parts) {
      const auto gradient = seen.gradients.find(part.weight);
      if (gradient == seen.gradients.end()) continue;
      const Tensor& weight = graph_.weights.at(part.weight).value;
      ensure(gradient->second.shape() == weight.shape(), "[prune] expected a gradient {}, got {} (weight {})",
             quench::to_string(weight.shape()), quench::to_string(gradient->second.shape()), part.weight);
      const auto w = weight.values<float>(), g = gradient->second.values<float>();
      const size_t row = w.size() / static_cast<size_t>(weight.shape()[0]);
      for (size_t unit = 0; unit < part.rows.size(); ++unit) {
        for (const int64_t place : part.rows[unit]) {
          const size_t first = static_cast<size_t>(place) * row;
          for (size_t i = first; i < first + row; ++i) of_batch[unit] += of_product(static_cast<double>(g[i]) * w[i]);
        }
        if (!std::isfinite(of_batch[unit])) {
          fail(ErrorKind::data, "[prune] expected finite gradients, got {} (weight {})", of_batch[unit], part.weight);
        }
      }
    }
    for (size_t unit = 0; unit < of_batch.size(); ++unit) {
      const double value = of_batch[unit];
      member.sums[unit] += form_ == Form::square_of_sum ? value * value : value;
    }
  }
  double of_product(double product) const {
    switch (form_) {
      case Form::square_of_sum: return product;
      case Form::sum_of_absolutes: return std::abs(product);
      case Form::half_sum_of_squares: return product * product / 2;
    }
    return product;
  }

  Form form_;
  const Graph& graph_;
  int64_t batch_, batches_ = 0;
  std::vector<std::vector<GradientMember>> groups_;
};

}  // namespace

std::unique_ptr<ImageScores> gradient_scores(const std::string& criterion, const Graph& graph,
                                             const std::vector<ChannelGroup>& groups, int64_t gradient_batch) {
  if (criterion == "obd") return std::make_unique<GradientScores>(Form::half_sum_of_squares, graph, groups, 1);
  ensure(criterion == "taylor" || criterion == "taylor_abs", "[prune] no criterion of gradients '{}'", criterion);
  const Form form = criterion == "taylor" ? Form::square_of_sum : Form::sum_of_absolutes;
  return std::make_unique<GradientScores>(form, graph, groups, gradient_batch);
}

}  // namespace quench::prune
