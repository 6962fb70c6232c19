#include "metrics/layer_shape.h"

#include <algorithm>

#include "core/error.h"
#include "graph/channel_units.h"
#include "graph/links.h"
#include "graph/op_traits.h"
#include "graph/passes.h"

namespace quench::metrics {
namespace {

using graph::Activation;
using graph::ConvAttributes;
using graph::Graph;
using graph::Node;
using graph::Op;
using graph::PoolAttributes;
using graph::UpsampleAttributes;

constexpr int64_t kMostSide = 65536;

using Pair = std::array<int64_t, 2>;

int64_t number(const Json& json, const char* key, const std::string& where, int64_t least, int64_t most) {
  const Json value = json.value(key, Json());
  if (!value.is_number_integer() || value.get<int64_t>() < least || value.get<int64_t>() > most) {
    fail(ErrorKind::data, "{}: expected '{}' of {} to {}, got {}", where, key, least, most, value.dump());
  }
  return value.get<int64_t>();
}

Pair pair(const Json& json, const char* key, const std::string& where, int64_t least) {
  const Json value = json.value(key, Json());
  const auto fits = [&](const Json& side) {
    return side.is_number_integer() && side.get<int64_t>() >= least && side.get<int64_t>() <= kMostSide;
  };
  if (!value.is_array() || value.size() != 2 || !fits(value[0]) || !fits(value[1])) {
    fail(ErrorKind::data, "{}: expected two numbers of {} to {} for '{}', got {}", where, least, kMostSide, key,
         value.dump());
  }
  return {value[0].get<int64_t>(), value[1].get<int64_t>()};
}

Op op_from(const Json& json, const std::string& where) {
  const Json name = json.value("op", Json());
  for (const graph::OpTraits& row : graph::op_table()) {
    if (name == graph::to_string(row.op)) return row.op;
  }
  fail(ErrorKind::data, "{}: expected an operation, got {}", where, name.dump());
}

Activation activation_from(const Json& json, const std::string& where) {
  const Json name = json.value("activation", Json("none"));
  for (const Activation activation : {Activation::none, Activation::silu, Activation::relu}) {
    if (name == graph::to_string(activation)) return activation;
  }
  fail(ErrorKind::data, "{}: expected an activation, got {}", where, name.dump());
}

graph::Attributes attributes_of(const Graph& graph, const Node& node) {
  if (node.op != Op::conv || !graph::is_depthwise(graph, node)) return node.attributes;
  auto conv = node.as<ConvAttributes>();
  conv.groups = 0;
  return conv;
}

/// Whether engines spend time of its own on it.
bool takes_time(const Node& node) {
  return graph::traits(node.op).own_pass || node.op == Op::mul || graph::traits(node.op).pointwise;
}

}  // namespace

bool LayerShape::depthwise() const {
  const auto* conv = std::get_if<ConvAttributes>(&attributes);
  return conv && conv->groups == 0;
}

bool LayerShape::mixes() const { return graph::traits(op).layer && !depthwise(); }

Json to_json(const LayerShape& shape) {
  Json json{{"op", graph::to_string(shape.op)}, {"size", {shape.height, shape.width}}};
  if (const auto* conv = std::get_if<ConvAttributes>(&shape.attributes)) {
    json["kernel"] = conv->kernel;
    json["stride"] = conv->stride;
    json["padding"] = conv->padding;
    json["dilation"] = conv->dilation;
    json["groups"] = conv->groups;
  } else if (const auto* pool = std::get_if<PoolAttributes>(&shape.attributes)) {
    json["kernel"] = pool->kernel;
    json["stride"] = pool->stride;
    json["padding"] = pool->padding;
  } else if (const auto* upsample = std::get_if<UpsampleAttributes>(&shape.attributes)) {
    json["factor"] = upsample->factor;
  }
  if (shape.activation != Activation::none) json["activation"] = graph::to_string(shape.activation);
  json["integers"] = shape.integers;
  return json;
}

LayerShape layer_shape_from(const Json& json, const std::string& where) {
  if (!json.is_object()) fail(ErrorKind::data, "{}: expected a layer's shape, got {}", where, json.type_name());
  LayerShape shape;
  shape.op = op_from(json, where);
  const Pair size = pair(json, "size", where, 1);
  shape.height = size[0];
  shape.width = size[1];
  if (shape.op == Op::conv) {
    shape.attributes =
        ConvAttributes{pair(json, "kernel", where, 1), pair(json, "stride", where, 1), pair(json, "padding", where, 0),
                       pair(json, "dilation", where, 1), number(json, "groups", where, 0, kMostSide)};
  } else if (shape.op == Op::max_pool) {
    shape.attributes =
        PoolAttributes{pair(json, "kernel", where, 1), pair(json, "stride", where, 1), pair(json, "padding", where, 0)};
  } else if (shape.op == Op::upsample) {
    shape.attributes = UpsampleAttributes{number(json, "factor", where, 1, 64)};
  }
  shape.activation = activation_from(json, where);
  const Json integers = json.value("integers", Json(false));
  if (!integers.is_boolean()) fail(ErrorKind::data, "{}: expected true or false for 'integers'", where);
  shape.integers = integers.get<bool>();
  return shape;
}

std::vector<ShapedLayer> shaped_layers(const Graph& original, bool integers) {
  const Graph graph = graph::fuse_activations(graph::fold_batch_norms(original));
  const graph::Links links(graph);
  std::vector<ShapedLayer> layers;
  for (const Node& node : graph.nodes) {
    if (!takes_time(node)) continue;
    const graph::Edge &in = graph.edge(node.inputs.at(0)), &out = graph.edge(node.outputs.at(0));
    LayerShape shape{node.op, attributes_of(graph, node), node.activation};
    if (in.shape.size() == 4) {
      shape.height = in.shape[2];
      shape.width = in.shape[3];
    }
    shape.integers = integers && !(node.op == Op::conv && links.is_output[node.outputs[0]]);
    layers.push_back({node.name, shape, in.name, out.name, in.shape.at(1), out.shape.at(1)});
  }
  return layers;
}

}  // namespace quench::metrics
