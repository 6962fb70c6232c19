#include "train/distill/feature_maps.h"

#include <algorithm>

#include "core/error.h"
#include "core/task_list.h"
#include "graph/links.h"
#include "models/detect_head.h"
#include "models/task.h"

namespace quench::train {
namespace {

using graph::EdgeId;

/// What an edge is computed of, nearest first, as far as nodes have one input.
std::vector<EdgeId> chain_above(const graph::Graph& graph, const graph::Links& links, EdgeId edge) {
  std::vector<EdgeId> chain;
  for (int node = links.producer.at(edge); node >= 0; node = links.producer.at(edge)) {
    if (graph.nodes[node].inputs.size() != 1) break;
    edge = graph.nodes[node].inputs[0];
    chain.push_back(edge);
  }
  return chain;
}

bool has_places(const Shape& shape) { return shape.size() == 4 && shape[2] * shape[3] > 1; }

}  // namespace

EdgeId last_feature_map(const graph::Graph& graph) {
  const graph::Links links(graph);
  for (const EdgeId edge : chain_above(graph, links, graph.outputs.at(0))) {
    if (has_places(graph.edge(edge).shape)) return edge;
  }
  fail(ErrorKind::unsupported,
       "[train.distill] expected a feature map of more than one place before the output {}, found none",
       graph.edge(graph.outputs[0]).name);
}

std::vector<EdgeId> level_feature_maps(const graph::Graph& graph, int64_t outputs_per_level) {
  const graph::Links links(graph);
  const auto step = static_cast<size_t>(outputs_per_level);
  std::vector<EdgeId> maps;
  for (size_t first = 0; first + step <= graph.outputs.size(); first += step) {
    std::vector<std::vector<EdgeId>> chains;
    for (size_t i = first; i < first + step; ++i) chains.push_back(chain_above(graph, links, graph.outputs[i]));
    const auto in_all = [&](EdgeId edge) {
      return std::ranges::all_of(chains, [&](const auto& chain) { return std::ranges::count(chain, edge) > 0; });
    };
    const auto found = std::ranges::find_if(chains[0], in_all);
    const Shape& output = graph.edge(graph.outputs[first]).shape;
    if (found == chains[0].end() || graph.edge(*found).shape.size() != 4 ||
        !std::equal(output.begin() + 2, output.end(), graph.edge(*found).shape.begin() + 2)) {
      fail(ErrorKind::unsupported, "[train.distill] expected a feature map of {} before the output {}, found none",
           to_string(output), graph.edge(graph.outputs[first]).name);
    }
    maps.push_back(*found);
  }
  return maps;
}

std::vector<EdgeId> classify_maps(const graph::Graph& graph) { return {last_feature_map(graph)}; }

std::vector<EdgeId> detect_maps(const graph::Graph& graph) {
  return level_feature_maps(graph, models::detect_head(graph).outputs_per_level());
}

namespace {

std::vector<EdgeId> maps_of(const graph::Graph& graph, const std::string& task) {
#define QUENCH_MAPS(name) \
  if (task == #name) return name##_maps(graph);
  QUENCH_TASKS(QUENCH_MAPS)
#undef QUENCH_MAPS
  fail(ErrorKind::config, "[train.distill] expected a model of a task that can be trained, got '{}'", task);
}

}  // namespace

std::vector<MapPair> pairs_of_maps(const graph::Graph& student, const graph::Graph& teacher) {
  const std::string task = models::task_of(student);
  const std::vector<EdgeId> own = maps_of(student, task), others = maps_of(teacher, task);
  if (own.size() != others.size()) {
    fail(ErrorKind::config, "[train.distill] expected a teacher with {} feature maps, got one with {}", own.size(),
         others.size());
  }
  std::vector<MapPair> pairs;
  for (size_t i = 0; i < own.size(); ++i) {
    const Shape &to = student.edge(own[i]).shape, &from = teacher.edge(others[i]).shape;
    if (to[2] != from[2] || to[3] != from[3]) {
      fail(ErrorKind::config, "[train.distill] expected a teacher with a feature map of {} x {}, got {} x {}", to[2],
           to[3], from[2], from[3]);
    }
    pairs.push_back({own[i], others[i]});
  }
  return pairs;
}

}  // namespace quench::train
