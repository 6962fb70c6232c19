#include "why/reference.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "core/error.h"
#include "graph/op_traits.h"
#include "graph/quantized.h"
#include "quant/float_twin.h"
#include "quant/float_weights.h"

namespace quench::why {
namespace {

using graph::Graph;

std::set<std::string> layer_names(const Graph& graph) {
  std::set<std::string> names;
  for (const graph::Node& node : graph.nodes) {
    if (graph::traits(node.op).layer) names.insert(node.name);
  }
  return names;
}

/// The first of `names` that `others` lack; empty: none.
std::string missing(const std::set<std::string>& names, const std::set<std::string>& others) {
  const auto found = std::ranges::find_if(names, [&](const std::string& name) { return !others.contains(name); });
  return found == names.end() ? "" : *found;
}

std::string shapes_text(const Graph& graph, const std::vector<graph::EdgeId>& edges) {
  std::string text;
  for (const graph::EdgeId edge : edges) text += (text.empty() ? "" : ", ") + quench::to_string(graph.edge(edge).shape);
  return text;
}

void require_finite_weights(const graph::ModelFile& model) {
  for (const auto& [name, weight] : model.graph.weights) {
    if (weight.value.dtype() != DType::f32) continue;
    for (const float value : weight.value.values<float>()) {
      if (std::isfinite(value)) continue;
      fail(ErrorKind::data, "why: expected finite weights, got {} ({} of {})", value, name, model.path.string());
    }
  }
}

void require_same_model(const graph::ModelFile& model, const graph::ModelFile& against) {
  if (graph::is_quantized(against.graph)) {
    fail(ErrorKind::config, "why --against: expected the float model that was quantized, got a quantized one ({})",
         against.path.string());
  }
  const auto own = layer_names(model.graph), other = layer_names(against.graph);
  const std::string lacking = missing(own, other), more = missing(other, own);
  if (!lacking.empty() || !more.empty()) {
    fail(ErrorKind::config, "why --against: expected the float model that was quantized, got one {} layer '{}' ({})",
         lacking.empty() ? "with another" : "without", lacking.empty() ? more : lacking, against.path.string());
  }
  const auto same = [&](const char* what, const std::vector<graph::EdgeId> Graph::*edges) {
    const std::string expected = shapes_text(model.graph, model.graph.*edges);
    const std::string got = shapes_text(against.graph, against.graph.*edges);
    if (expected == got) return;
    fail(ErrorKind::config, "why --against: expected a model of {} {}, got {} ({})", what, expected, got,
         against.path.string());
  };
  same("input", &Graph::inputs);
  same("outputs", &Graph::outputs);
}

/// Nothing is quantized, weights stay as they are.
Graph without_rounding(Graph graph) {
  for (graph::Edge& edge : graph.edges) edge.quant.reset();
  for (auto& [name, weight] : graph.weights) weight.quant.reset();
  return graph;
}

}  // namespace

Forms forms_of(const graph::ModelFile& model, const graph::ModelFile* against) {
  if (!graph::is_quantized(model.graph)) {
    fail(ErrorKind::config, "why: expected a quantized model, got a float one ({}): `quench quantize` makes one of it",
         model.path.string());
  }
  require_finite_weights(model);
  Forms out;
  out.quantized = quant::with_float_weights(model.graph);
  if (against != nullptr) {
    require_same_model(model, *against);
    require_finite_weights(*against);
    out.reference = quant::float_twin(model.graph, against->graph);
    out.in_float = *against;
    return out;
  }
  out.reference = without_rounding(out.quantized);
  out.in_float = model;
  out.in_float.graph = out.reference;
  for (const graph::EdgeId edge : out.in_float.graph.inputs) out.in_float.graph.edge(edge).dtype = DType::f32;
  return out;
}

}  // namespace quench::why
