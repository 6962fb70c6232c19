#include "metrics/nonzero.h"

#include <algorithm>
#include <vector>

#include "core/error.h"
#include "graph/op_traits.h"

namespace quench::metrics {
namespace {

/// Integers that stand for 0: equal to the zero point of their channel.
template <typename T>
int64_t zeros_of(const graph::Weight& weight) {
  const auto values = weight.value.values<T>();
  const std::vector<int32_t> points = weight.quant ? weight.quant->zero_point : std::vector<int32_t>{0};
  ensure(!points.empty() && values.size() % points.size() == 0, "[metrics] {} zero points for {} weights",
         points.size(), values.size());
  const size_t each = values.size() / points.size();
  int64_t zeros = 0;
  for (size_t c = 0; c < points.size(); ++c) {
    zeros += std::ranges::count_if(values.subspan(c * each, each),
                                   [&](T q) { return static_cast<int32_t>(q) == points[c]; });
  }
  return zeros;
}

int64_t zeros_in(const graph::Weight& weight) {
  switch (weight.value.dtype()) {
    case DType::f32: return std::ranges::count(weight.value.values<float>(), 0.0f);
    case DType::i8: return zeros_of<int8_t>(weight);
    case DType::u8: return zeros_of<uint8_t>(weight);
    default: break;
  }
  fail(ErrorKind::data, "[metrics] expected weights of float32, int8 or uint8, got {}",
       to_string(weight.value.dtype()));
}

}  // namespace

int64_t nonzero_params(const graph::Graph& graph) {
  int64_t count = 0;
  for (const graph::Node& node : graph.nodes) {
    const graph::OpTraits& traits = graph::traits(node.op);
    for (const graph::WeightRole& role : traits.weights) {
      const graph::Weight* weight = graph.weight(node, role.name);
      if (weight == nullptr || !role.learned) continue;
      count += weight->value.size();
      if (traits.layer && role.name == "weight") count -= zeros_in(*weight);
    }
  }
  return count;
}

}  // namespace quench::metrics
