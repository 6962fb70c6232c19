#include "quant/weight_params.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace quench::quant {
namespace {

constexpr float kDeadScale = 0x1p-20f;   // of a channel of zeros, as nn::symmetric_scales has it
constexpr double kLargestBias = 0x1p30;  // leaves as much again for the products that are added

}  // namespace

graph::QuantParams weight_params(const Tensor& weight, const Tensor* bias, float input_scale, int bits, int axis) {
  graph::QuantParams params{DType::i8, bits, {0}, {0}, axis};
  const double q_max = static_cast<double>(params.q_max());
  const auto values = weight.values<float>();
  const int64_t channels = weight.shape().at(0);
  const int64_t groups = axis < 0 ? 1 : channels;
  const size_t size = values.size() / static_cast<size_t>(groups);
  params.scale.resize(static_cast<size_t>(groups));
  params.zero_point.assign(static_cast<size_t>(groups), 0);
  for (int64_t group = 0; group < groups; ++group) {
    float largest = 0;
    for (const float w : values.subspan(static_cast<size_t>(group) * size, size))
      largest = std::max(largest, std::abs(w));
    double scale = largest > 0 ? largest / q_max : kDeadScale;
    if (bias) {
      for (int64_t c = 0; c < channels; ++c) {
        if (axis >= 0 && c != group) continue;
        scale = std::max(scale, std::abs(static_cast<double>(bias->values<float>()[c])) / input_scale / kLargestBias);
      }
    }
    params.scale[static_cast<size_t>(group)] = std::max(static_cast<float>(scale), 0x1p-60f);
  }
  return params;
}

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
        fail(ErrorKind::data, "[quant.convert] expected a value within 32 bits at scale {}, got {} ({}, position {})",
             params.scale[channel], source[i], where, i);
      }
      target[i] = static_cast<std::remove_reference_t<decltype(target[0])>>(std::clamp(q, low, high));
    }
  };
  if (params.dtype == DType::i8) {
    fill(out.mutable_values<int8_t>(), static_cast<double>(params.q_min()), static_cast<double>(params.q_max()), true);
  } else {
    ensure(params.dtype == DType::i32, "[quant.convert] expected int8 or int32, got {}", to_string(params.dtype));
    fill(out.mutable_values<int32_t>(), -2147483647.0, 2147483647.0, false);
  }
  return out;
}

}  // namespace quench::quant
