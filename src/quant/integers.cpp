#include "quant/integers.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "graph/levels.h"
#include "graph/weight_groups.h"

namespace quench::quant {
namespace {

/// Of a bias: leaves as much again for the products that are added. Scales that were raised for it are rounded to
/// float.
constexpr double kLargest = 0x1p30 + 0x1p10;

}  // namespace

graph::QuantParams bias_params(const graph::QuantParams& weight, float input_scale, int64_t channels) {
  graph::QuantParams params{DType::i32, 32, {}, std::vector<int32_t>(static_cast<size_t>(channels), 0), 0};
  for (int64_t c = 0; c < channels; ++c) {
    params.scale.push_back(input_scale * weight.scale[weight.axis < 0 ? 0 : static_cast<size_t>(c)]);
  }
  return params;
}

Tensor quantize_tensor(const Tensor& values, const graph::QuantParams& params, std::string_view where) {
  const auto source = values.values<float>();
  Tensor out(params.dtype, values.shape());
  const size_t size = source.size() / params.scale.size();
  for (size_t i = 0; i < source.size(); ++i) {
    if (!std::isfinite(source[i])) {
      fail(ErrorKind::data, "[quant.convert] expected finite values, got {} at position {} ({})", source[i], i, where);
    }
  }
  const auto fill = [&](auto target, double low, double high, bool clamps) {
    for (size_t i = 0; i < source.size(); ++i) {
      const size_t channel = params.axis < 0 ? 0 : i / size;
      const double q =
          std::nearbyint(static_cast<double>(source[i] / params.scale[channel])) + params.zero_point[channel];
      if (!clamps && (q < low || q > high)) {
        fail(ErrorKind::data, "[quant.convert] expected a value within 2^30 steps of {}, got {} ({}, position {})",
             params.scale[channel], source[i], where, i);
      }
      target[i] = static_cast<std::remove_reference_t<decltype(target[0])>>(std::clamp(q, low, high));
    }
  };
  if (!params.levels.empty()) {
    const graph::Weight weight{values, params};
    return graph::levels_of(graph::level_codes(weight), params.levels, where);
  }
  if (params.group_size > 0) {
    return graph::from_group_codes(graph::group_codes({values, params}), params, where);
  }
  if (params.dtype == DType::i8) {
    fill(out.mutable_values<int8_t>(), static_cast<double>(params.q_min()), static_cast<double>(params.q_max()), true);
  } else {
    ensure(params.dtype == DType::i32, "[quant.convert] expected int8 or int32, got {}", to_string(params.dtype));
    fill(out.mutable_values<int32_t>(), -kLargest, kLargest, false);
  }
  return out;
}

}  // namespace quench::quant
