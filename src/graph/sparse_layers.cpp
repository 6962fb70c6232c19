#include "graph/sparse_layers.h"

#include "core/error.h"
#include "core/json.h"
#include "core/json_text.h"
#include "graph/op_traits.h"

namespace quench::graph {
namespace {

const char* const kSparse = "sparse";

SparseLayer sparse_layer_from(const std::string& name, const Json& json) {
  const bool whole = json.is_object() && json.contains("pattern") && json["pattern"].is_string() &&
                     json.contains("zeros") && json["zeros"].is_number() && json["zeros"] >= 0 && json["zeros"] <= 1;
  if (!whole) {
    fail(ErrorKind::data, "[graph.sparse] expected a pattern and a share of zeros in [0,1] for '{}' in metadata `{}`",
         name, kSparse);
  }
  return {json["pattern"].get<std::string>(), json["zeros"].get<double>()};
}

}  // namespace

SparseLayers sparse_layers(const Graph& graph) {
  const auto text = graph.metadata.find(kSparse);
  if (text == graph.metadata.end()) return {};
  const Json json = parse_json(text->second, "metadata `sparse`");
  if (!json.is_object() || !json.contains("layers") || !json["layers"].is_object()) {
    fail(ErrorKind::data, "[graph.sparse] expected an object with `layers` in metadata `{}`", kSparse);
  }
  SparseLayers layers;
  for (const Node& node : graph.nodes) {
    const auto found = json["layers"].find(node.name);
    if (found == json["layers"].end() || !traits(node.op).layer) continue;
    layers[node.name] = sparse_layer_from(node.name, *found);
  }
  return layers;
}

void set_sparse_layers(Graph& graph, const SparseLayers& layers) {
  Json json = Json::object();
  for (const auto& [name, layer] : layers) json[name] = {{"pattern", layer.pattern}, {"zeros", layer.zeros}};
  graph.metadata[kSparse] = json_text({{"layers", std::move(json)}});
}

bool is_sparse(const Graph& graph) { return !sparse_layers(graph).empty(); }

}  // namespace quench::graph
