#include "graph/weight_groups.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace quench::graph {

int64_t largest_code(const QuantParams& quant) {
  return quant.group_size > 0 ? largest_code(quant.bits) : quant.q_max();
}

int64_t group_count(const Shape& weight, int64_t group_size) {
  ensure(weight.size() >= 2 && group_size >= 1,
         "[graph.weight_groups] expected weights [O,I,...] and groups of 1 or more");
  return weight[1] / group_size + (weight[1] % group_size != 0);
}

std::vector<uint8_t> factors_of_weights(const QuantParams& quant, const Shape& weight) {
  const auto groups = static_cast<size_t>(group_count(weight, quant.group_size));
  const auto outputs = static_cast<size_t>(weight[0]), inputs = static_cast<size_t>(weight[1]);
  ensure(quant.group_factors.size() == outputs * groups, "[graph.weight_groups] expected {} factors, got {}",
         outputs * groups, quant.group_factors.size());
  const auto count = static_cast<size_t>(element_count(weight));
  if (count == 0) return {};
  const size_t places = count / (outputs * inputs), size = static_cast<size_t>(quant.group_size);
  std::vector<uint8_t> out;
  out.reserve(count);
  for (size_t row = 0; row < outputs * inputs; ++row) {
    out.insert(out.end(), places, quant.group_factors[row / inputs * groups + row % inputs / size]);
  }
  return out;
}

int stored_factor_bits(const QuantParams& quant) {
  return quant.bits <= 4 && std::ranges::all_of(quant.group_factors, [](uint8_t factor) { return factor < 16; }) ? 4
                                                                                                                 : 8;
}

int64_t group_code(float steps, uint8_t factor, int64_t most) {
  const double code = std::nearbyint(steps / static_cast<float>(factor));
  if (std::isnan(code)) return 0;  // of a file that verify refuses
  return static_cast<int64_t>(std::clamp(code, -static_cast<double>(most), static_cast<double>(most)));
}

Tensor group_codes(const Weight& weight) {
  const QuantParams& quant = *weight.quant;
  const std::vector<uint8_t> factors = factors_of_weights(quant, weight.value.shape());
  const int64_t most = largest_code(quant.bits);
  Tensor out(DType::i8, weight.value.shape());
  const auto codes = out.mutable_values<int8_t>();
  if (weight.value.dtype() == DType::f32) {
    const auto values = weight.value.values<float>();
    const size_t each = values.size() / quant.scale.size();
    for (size_t i = 0; i < values.size(); ++i) {
      codes[i] = static_cast<int8_t>(group_code(values[i] / quant.scale[i / each], factors[i], most));
    }
    return out;
  }
  const auto values = weight.value.values<int8_t>();
  for (size_t i = 0; i < values.size(); ++i) {
    const int code = values[i] / factors[i];
    if (code * factors[i] != values[i] || std::abs(code) > most) {
      fail(ErrorKind::data, "[graph.weight_groups] expected a code of {} bits times a factor of {}, got {}", quant.bits,
           int{factors[i]}, int{values[i]});
    }
    codes[i] = static_cast<int8_t>(code);
  }
  return out;
}

Tensor from_group_codes(const Tensor& codes, const QuantParams& quant, std::string_view where) {
  if (codes.dtype() != DType::i8) {
    fail(ErrorKind::data, "[graph.weight_groups] expected int8 codes, got {} ({})", to_string(codes.dtype()), where);
  }
  const std::vector<uint8_t> factors = factors_of_weights(quant, codes.shape());
  const int64_t most = largest_code(quant.bits);
  Tensor out(DType::i8, codes.shape());
  const auto from = codes.values<int8_t>();
  const auto to = out.mutable_values<int8_t>();
  for (size_t i = 0; i < from.size(); ++i) {
    const int64_t step = int64_t{from[i]} * factors[i];
    if (std::abs(int64_t{from[i]}) > most || std::abs(step) > kLargestStep) {
      fail(ErrorKind::data,
           "[graph.weight_groups] expected codes of {} bits and products within {}, got {} times {} ({})", quant.bits,
           kLargestStep, int{from[i]}, int{factors[i]}, where);
    }
    to[i] = static_cast<int8_t>(step);
  }
  return out;
}

void require_rounded_to_groups(const Weight& weight, const Tensor& codes, std::string_view where) {
  const size_t scales = weight.quant->scale.size();
  const bool fits = weight.value.dtype() == DType::f32 && weight.value.shape() == codes.shape() && scales > 0 &&
                    (scales == 1 || static_cast<int64_t>(scales) == codes.shape()[0]);
  if (!fits || !(group_codes(weight) == codes)) {
    fail(ErrorKind::data,
         "[graph.weight_groups] expected float weights that are rounded to the codes beside them, got others ({})",
         where);
  }
}

}  // namespace quench::graph
