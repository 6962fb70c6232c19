#include <algorithm>
#include <cmath>
#include <set>

#include "core/error.h"
#include "graph/links.h"
#include "graph/op_traits.h"
#include "prune/image_scores.h"
#include "prune/mutual_information.h"
#include "prune/unit_places.h"

namespace quench::prune {
namespace {

using graph::EdgeId;
using graph::Graph;

/// Images that must have a class, and that must not, for its presence to say something.
constexpr int64_t kFewestImages = 5;

/// What a layer makes, after the batch norm and activation that alone read it.
EdgeId value_of(const Graph& graph, const graph::Links& links, int filter) {
  EdgeId edge = graph.nodes[filter].outputs[0];
  for (int next = links.only_consumer(edge); next >= 0; next = links.only_consumer(edge)) {
    const graph::Node& node = graph.nodes[next];
    if (node.op != graph::Op::batch_norm && !graph::traits(node.op).pointwise) break;
    edge = node.outputs[0];
  }
  return edge;
}

/// A layer that has a say in a group: its values, and which channels of them are each unit's.
struct ValueMember {
  EdgeId edge;
  std::vector<std::vector<int64_t>> channels;
};

/// Sums of one channel of one image.
struct ChannelSums {
  double values = 0, absolutes = 0;
  int64_t above_zero = 0;
};

/// Criteria of values: each keeps what it needs of an image's channels.
class ValueScores : public ImageScores {
 public:
  ValueScores(const Graph& graph, const std::vector<ChannelGroup>& groups) : graph_(graph) {
    const graph::Links links(graph);
    for (const ChannelGroup& group : groups) {
      auto& members = groups_.emplace_back();
      if (!group.prunable()) continue;
      for (const int filter : filters_of(graph, group)) {
        const EdgeId edge = value_of(graph, links, filter);
        members.push_back({edge, places_on(group, edge)});
        edges_.insert(edge);
      }
    }
  }

  std::vector<EdgeId> edges() const override { return {edges_.begin(), edges_.end()}; }

  void add(const SeenBatch& seen) override {
    for (const EdgeId edge : edges_) add_edge(edge, seen.values.at(edge));
    add_truths(seen);
  }

  MemberScores scores() const override {
    require_enough();
    MemberScores scores;
    for (const std::vector<ValueMember>& group : groups_) {
      auto& of_group = scores.emplace_back();
      for (const ValueMember& member : group) {
        auto& of_member = of_group.emplace_back();
        for (const std::vector<int64_t>& channels : member.channels) of_member.push_back(score(member.edge, channels));
      }
    }
    return scores;
  }

 protected:
  /// Channel c of the next image of an edge; positions: values of a channel.
  virtual void add_channel(EdgeId edge, int64_t c, const ChannelSums& sums, double positions) = 0;
  virtual void add_truths(const SeenBatch&) {}
  /// Throws Error{data} where there is nothing to say.
  virtual void require_enough() const {}
  /// Of a unit that has these channels of an edge.
  virtual double score(EdgeId edge, const std::vector<int64_t>& channels) const = 0;

  int64_t channels_of(EdgeId edge) const { return graph_.edge(edge).shape.at(1); }

 private:
  void add_edge(EdgeId edge, const Tensor& value) {
    const Shape& shape = value.shape();
    ensure(shape.size() >= 2 && shape[1] == channels_of(edge), "[prune] expected values [N,{},...], got {} (edge {})",
           channels_of(edge), to_string(shape), graph_.edge(edge).name);
    const auto all = value.values<float>();
    const size_t positions = all.size() / static_cast<size_t>(shape[0] * shape[1]);
    size_t at = 0;
    for (int64_t image = 0; image < shape[0]; ++image) {
      for (int64_t c = 0; c < shape[1]; ++c) {
        ChannelSums sums;
        for (const size_t end = at + positions; at < end; ++at) {
          const double x = all[at];
          sums.values += x;
          sums.absolutes += std::abs(x);
          sums.above_zero += x > 0;
        }
        if (!std::isfinite(sums.absolutes)) {
          fail(ErrorKind::data, "[prune] expected finite values, got {} (edge {})", sums.values,
               graph_.edge(edge).name);
        }
        add_channel(edge, c, sums, static_cast<double>(positions));
      }
    }
  }

  const Graph& graph_;
  std::set<EdgeId> edges_;
  std::vector<std::vector<ValueMember>> groups_;
};

/// Mean over images and positions of something of each value.
class MeanScores : public ValueScores {
 public:
  MeanScores(const Graph& graph, const std::vector<ChannelGroup>& groups, bool share_above_zero)
      : ValueScores(graph, groups), share_above_zero_(share_above_zero) {
    for (const EdgeId edge : edges()) sums_[edge].resize(static_cast<size_t>(channels_of(edge)));
  }

 protected:
  void add_channel(EdgeId edge, int64_t c, const ChannelSums& sums, double positions) override {
    Mean& mean = sums_.at(edge)[static_cast<size_t>(c)];
    mean.sum += share_above_zero_ ? static_cast<double>(sums.above_zero) : sums.absolutes;
    mean.count += positions;
  }
  double score(EdgeId edge, const std::vector<int64_t>& channels) const override {
    Mean all;
    for (const int64_t c : channels) {
      all.sum += sums_.at(edge)[static_cast<size_t>(c)].sum;
      all.count += sums_.at(edge)[static_cast<size_t>(c)].count;
    }
    if (all.count == 0) fail(ErrorKind::data, "[prune] expected values of one image or more, got none");
    return all.sum / all.count;
  }

 private:
  struct Mean {
    double sum = 0, count = 0;
  };
  bool share_above_zero_;
  std::map<EdgeId, std::vector<Mean>> sums_;
};

/// What the mean over an image says of its class.
class InformationScores : public ValueScores {
 public:
  using ValueScores::ValueScores;

  int64_t fewest_images(int64_t classes) const override { return fewest_pairs(classes); }

 protected:
  void add_channel(EdgeId edge, int64_t, const ChannelSums& sums, double positions) override {
    means_[edge].push_back(sums.values / positions);
  }
  void add_truths(const SeenBatch& seen) override {
    questions_.clear();
    images_ += static_cast<int64_t>(std::max(seen.labels.size(), seen.present.size()));
    labels_.insert(labels_.end(), seen.labels.begin(), seen.labels.end());
    for (const std::vector<int32_t>& classes : seen.present) present_.emplace_back(classes.begin(), classes.end());
  }
  void require_enough() const override {
    if (!questions().empty()) return;
    fail(ErrorKind::data,
         "[prune] criterion mutual_information expected images of two classes or more (detectors: a class that {} "
         "images have and {} do not), got none among {} images",
         kFewestImages, kFewestImages, images_);
  }
  double score(EdgeId edge, const std::vector<int64_t>& channels) const override {
    const std::vector<double>& means = means_.at(edge);
    std::vector<double> pooled(static_cast<size_t>(images_), 0.0);
    for (size_t image = 0; image < pooled.size(); ++image) {
      for (const int64_t c : channels) pooled[image] += means[image * static_cast<size_t>(channels_of(edge)) + c];
    }
    double sum = 0;
    for (const std::vector<int32_t>& labels : questions()) sum += mutual_information(pooled, labels);
    return std::max(0.0, sum / static_cast<double>(questions().size()));
  }

 private:
  /// Labels of all images: the class, or for each class whether it is present.
  const std::vector<std::vector<int32_t>>& questions() const {
    if (!questions_.empty()) return questions_;
    const std::set<int32_t> classes(labels_.begin(), labels_.end());
    if (classes.size() > 1) questions_.push_back(labels_);
    std::map<int32_t, int64_t> images_with;
    for (const std::set<int32_t>& here : present_) {
      for (const int32_t one : here) ++images_with[one];
    }
    for (const auto& [one, count] : images_with) {
      if (count < kFewestImages || images_ - count < kFewestImages) continue;
      auto& labels = questions_.emplace_back();
      for (const std::set<int32_t>& here : present_) labels.push_back(here.contains(one) ? 1 : 0);
    }
    return questions_;
  }

  int64_t images_ = 0;
  std::vector<int32_t> labels_;
  std::vector<std::set<int32_t>> present_;
  std::map<EdgeId, std::vector<double>> means_;          ///< [image, channel]
  mutable std::vector<std::vector<int32_t>> questions_;  ///< made when first asked for
};

}  // namespace

std::unique_ptr<ImageScores> activation_scores(const std::string& criterion, const Graph& graph,
                                               const std::vector<ChannelGroup>& groups) {
  if (criterion == "mutual_information") return std::make_unique<InformationScores>(graph, groups);
  ensure(criterion == "activation" || criterion == "zeros", "[prune] no criterion of values '{}'", criterion);
  return std::make_unique<MeanScores>(graph, groups, criterion == "zeros");
}

std::unique_ptr<ImageScores> image_scores(const std::string& criterion, const Graph& graph,
                                          const std::vector<ChannelGroup>& groups, int64_t gradient_batch) {
  const bool of_gradients = criterion == "taylor" || criterion == "taylor_abs" || criterion == "obd";
  return of_gradients ? gradient_scores(criterion, graph, groups, gradient_batch)
                      : activation_scores(criterion, graph, groups);
}

}  // namespace quench::prune
