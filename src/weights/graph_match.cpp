#include "weights/graph_match.h"

#include <algorithm>
#include <set>

#include "graph/links.h"
#include "graph/op_traits.h"

namespace quench::weights {
namespace {

using graph::EdgeId;
using graph::Graph;
using graph::Node;

class Matcher {
 public:
  Matcher(const Graph& model, const Graph& network)
      : model_(model), network_(network), of_model_(model), of_network_(network) {}

  std::optional<GraphMatch> run(const std::vector<EdgeId>& heads) {
    std::vector<EdgeId> left = heads;
    GraphMatch out;
    for (const EdgeId wanted : model_.outputs) {
      const auto found = std::ranges::find_if(left, [&](EdgeId head) { return edges(wanted, head); });
      if (found == left.end()) return std::nullopt;
      out.heads.push_back(*found);
      left.erase(found);
    }
    const auto within = [&](EdgeId head) { return taken_.contains(of_network_.producer[head]); };
    if (!std::ranges::all_of(left, within)) return std::nullopt;
    out.nodes = nodes_;
    return out;
  }

 private:
  bool edges(EdgeId a, EdgeId b) {
    const int maker = of_model_.producer[a], other = of_network_.producer[b];
    if (maker < 0 || other < 0) return maker < 0 && other < 0;
    const auto& of_maker = model_.nodes[maker].outputs;
    const auto& of_other = network_.nodes[other].outputs;
    const auto place = std::ranges::find(of_maker, a) - of_maker.begin();
    return place == std::ranges::find(of_other, b) - of_other.begin() && nodes(maker, other);
  }

  bool nodes(int a, int b) {
    if (const auto known = nodes_.find(a); known != nodes_.end()) return known->second == b;
    const Node &own = model_.nodes[a], &given = network_.nodes[b];
    if (taken_.contains(b) || !alike(own, given)) return false;
    const size_t before = trail_.size();
    nodes_[a] = b;
    taken_.insert(b);
    trail_.push_back(a);
    if (inputs(own.inputs, given.inputs)) return true;
    const bool either = own.op == graph::Op::add || own.op == graph::Op::mul;
    const size_t here = before + 1;
    undo(here);
    if (either && inputs({own.inputs[1], own.inputs[0]}, given.inputs)) return true;
    undo(before);
    return false;
  }

  bool inputs(const std::vector<EdgeId>& a, const std::vector<EdgeId>& b) {
    for (size_t i = 0; i < a.size(); ++i) {
      if (!edges(a[i], b[i])) return false;
    }
    return true;
  }

  void undo(size_t length) {
    while (trail_.size() > length) {
      taken_.erase(nodes_.at(trail_.back()));
      nodes_.erase(trail_.back());
      trail_.pop_back();
    }
  }

  bool alike(const Node& a, const Node& b) const {
    if (a.op != b.op || a.inputs.size() != b.inputs.size() || a.outputs.size() != b.outputs.size()) return false;
    if (a.activation != b.activation) return false;
    if (a.op != graph::Op::batch_norm && !(a.attributes == b.attributes)) return false;
    for (const graph::WeightRole& role : graph::traits(a.op).weights) {
      const graph::Weight *own = model_.weight(a, role.name), *given = network_.weight(b, role.name);
      if (given == nullptr ? own != nullptr && role.required
                           : own == nullptr || own->value.shape() != given->value.shape()) {
        return false;
      }
    }
    return true;
  }

  const Graph &model_, &network_;
  const graph::Links of_model_, of_network_;
  std::map<int, int> nodes_;
  std::set<int> taken_;
  std::vector<int> trail_;
};

}  // namespace

std::optional<GraphMatch> match_graph(const Graph& model, const Graph& network, const std::vector<EdgeId>& heads) {
  if (heads.size() < model.outputs.size()) return std::nullopt;
  return Matcher(model, network).run(heads);
}

}  // namespace quench::weights
