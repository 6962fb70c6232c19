#include <fmt/format.h>

#include "core/hash.h"
#include "train/loop/checkpoint.h"

namespace quench::train {
namespace {

/// Feeds the parts of a Graph, each with its end marked, into one digest.
class Digest {
 public:
  void add(std::string_view text) { hash_.update(fmt::format("{}:{};", text.size(), text)); }
  void add(int64_t value) { hash_.update(fmt::format("{};", value)); }
  template <typename Values>
  void add_all(const Values& values) {
    add(static_cast<int64_t>(std::size(values)));
    for (const auto& value : values) add(static_cast<int64_t>(value));
  }
  void add_floats(std::span<const float> values) {
    add(static_cast<int64_t>(values.size()));
    hash_.update(std::as_bytes(values));
  }
  void add(const Tensor& tensor) {
    add(to_string(tensor.dtype()));
    add_all(tensor.shape());
    if (!tensor.empty()) hash_.update(std::span(tensor.bytes(), tensor.size_bytes()));
  }
  void add(const std::optional<graph::QuantParams>& quant) {
    add(int64_t{quant.has_value()});
    if (!quant) return;
    add(to_string(quant->dtype));
    add(int64_t{quant->bits});
    add(int64_t{quant->axis});
    add_floats(quant->scale);
    add_all(quant->zero_point);
    if (quant->dynamic) add(std::string("dynamic"));
  }
  void operator()(const std::monostate&) {}
  void operator()(const graph::ConvAttributes& a) {
    for (const auto& pair : {a.kernel, a.stride, a.padding, a.dilation}) add_all(pair);
    add(a.groups);
  }
  void operator()(const graph::BatchNormAttributes& a) { add_floats(std::array{a.epsilon, a.momentum}); }
  void operator()(const graph::PoolAttributes& a) {
    for (const auto& pair : {a.kernel, a.stride, a.padding}) add_all(pair);
  }
  void operator()(const graph::UpsampleAttributes& a) { add(a.factor); }
  void operator()(const graph::SplitAttributes& a) { add_all(a.sizes); }
  std::string hex() { return hash_.hex(); }

 private:
  Sha256 hash_;
};

}  // namespace

std::string graph_digest(const graph::Graph& graph) {
  Digest digest;
  for (const graph::Node& node : graph.nodes) {
    digest.add(node.name);
    digest.add(graph::to_string(node.op));
    digest.add(graph::to_string(node.activation));
    std::visit([&](const auto& attributes) { digest(attributes); }, node.attributes);
    digest.add_all(node.inputs);
    digest.add_all(node.outputs);
  }
  for (const graph::Edge& edge : graph.edges) {
    digest.add(edge.name);
    digest.add_all(edge.shape);
    digest.add(to_string(edge.dtype));
    digest.add(edge.quant);
  }
  digest.add_all(graph.inputs);
  digest.add_all(graph.outputs);
  for (const auto& [name, weight] : graph.weights) {
    digest.add(name);
    digest.add(weight.value);
    digest.add(weight.quant);
  }
  return digest.hex();
}

}  // namespace quench::train
