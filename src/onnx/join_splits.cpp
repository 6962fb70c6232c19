#include "onnx/join_splits.h"

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "graph/links.h"

namespace quench::onnx {
namespace {

using graph::EdgeId;

/// A part that is read: its channels [begin, end) and its edge.
struct Part {
  int64_t begin = 0, end = 0;
  EdgeId edge = -1;
};

std::vector<Part> read_parts(const graph::Node& split, const graph::Links& links) {
  std::vector<Part> out;
  int64_t begin = 0;
  const std::vector<int64_t>& sizes = split.as<graph::SplitAttributes>().sizes;
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (links.uses(split.outputs[i]) > 0) out.push_back({begin, begin + sizes[i], split.outputs[i]});
    begin += sizes[i];
  }
  return out;
}

}  // namespace

graph::Graph join_splits(graph::Graph graph) {
  const graph::Links links(graph);
  std::map<EdgeId, std::vector<int>> of_edge;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    if (graph.nodes[i].op == graph::Op::split) of_edge[graph.nodes[i].inputs[0]].push_back(static_cast<int>(i));
  }
  std::set<int> gone;
  for (const auto& [edge, splits] : of_edge) {
    if (splits.size() < 2) continue;
    std::vector<Part> parts;
    std::set<int64_t> bounds{0, graph.edge(edge).shape.at(1)};
    for (const int split : splits) {
      for (const Part& part : read_parts(graph.nodes[split], links)) {
        parts.push_back(part);
        bounds.insert({part.begin, part.end});
      }
    }
    const bool whole =
        std::ranges::all_of(parts, [&](const Part& part) { return *std::next(bounds.find(part.begin)) == part.end; });
    std::ranges::sort(parts, {}, &Part::begin);
    const bool once = std::ranges::adjacent_find(parts, {}, &Part::begin) == parts.end();
    if (!whole || !once || parts.size() + 1 != bounds.size()) continue;
    graph::Node& first = graph.nodes[splits.front()];
    std::vector<int64_t> sizes;
    first.outputs.clear();
    for (const Part& part : parts) {
      sizes.push_back(part.end - part.begin);
      first.outputs.push_back(part.edge);
    }
    first.attributes = graph::SplitAttributes{sizes};
    gone.insert(splits.begin() + 1, splits.end());
  }
  std::vector<graph::Node> kept;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    if (!gone.contains(static_cast<int>(i))) kept.push_back(std::move(graph.nodes[i]));
  }
  graph.nodes = std::move(kept);
  return graph;
}

}  // namespace quench::onnx
