#include "graph/levels.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"

namespace quench::graph {

std::vector<float> level_boundaries(const std::vector<int8_t>& levels) {
  std::vector<float> boundaries;
  for (size_t i = 0; i + 1 < levels.size(); ++i) {
    const float middle = static_cast<float>(levels[i] + levels[i + 1]) / 2;
    boundaries.push_back(middle >= 0 ? middle : std::nextafter(middle, -std::numeric_limits<float>::infinity()));
  }
  return boundaries;
}

size_t nearest_code(float steps, const std::vector<float>& boundaries) {
  return static_cast<size_t>(std::ranges::lower_bound(boundaries, steps) - boundaries.begin());
}

Tensor level_codes(const Weight& weight) {
  const QuantParams& quant = *weight.quant;
  Tensor out(DType::u8, weight.value.shape());
  const auto codes = out.mutable_values<uint8_t>();
  if (weight.value.dtype() == DType::f32) {
    const std::vector<float> boundaries = level_boundaries(quant.levels);
    const auto values = weight.value.values<float>();
    const size_t each = values.size() / quant.scale.size();
    for (size_t i = 0; i < values.size(); ++i) {
      codes[i] = static_cast<uint8_t>(nearest_code(values[i] / quant.scale[i / each], boundaries));
    }
    return out;
  }
  const auto values = weight.value.values<int8_t>();
  for (size_t i = 0; i < values.size(); ++i) {
    const auto found = std::ranges::lower_bound(quant.levels, values[i]);
    if (found == quant.levels.end() || *found != values[i]) {
      fail(ErrorKind::data, "[graph.levels] expected one of {} levels, got {}", quant.levels.size(), int{values[i]});
    }
    codes[i] = static_cast<uint8_t>(found - quant.levels.begin());
  }
  return out;
}

Tensor levels_of(const Tensor& codes, const std::vector<int8_t>& levels, std::string_view where) {
  if (codes.dtype() != DType::u8) {
    fail(ErrorKind::data, "[graph.levels] expected uint8 codes, got {} ({})", to_string(codes.dtype()), where);
  }
  Tensor out(DType::i8, codes.shape());
  const auto from = codes.values<uint8_t>();
  const auto to = out.mutable_values<int8_t>();
  for (size_t i = 0; i < from.size(); ++i) {
    if (from[i] >= levels.size()) {
      fail(ErrorKind::data, "[graph.levels] expected codes of {} levels, got {} ({})", levels.size(), int{from[i]},
           where);
    }
    to[i] = levels[from[i]];
  }
  return out;
}

void require_rounded_to(const Weight& weight, const Tensor& codes, std::string_view where) {
  const size_t scales = weight.quant->scale.size();
  const bool fits = weight.value.dtype() == DType::f32 && weight.value.shape() == codes.shape() && scales > 0 &&
                    (scales == 1 || (!codes.shape().empty() && static_cast<int64_t>(scales) == codes.shape()[0]));
  if (!fits || !(level_codes(weight) == codes)) {
    fail(ErrorKind::data,
         "[graph.levels] expected float weights that are rounded to the codes beside them, got others ({})", where);
  }
}

}  // namespace quench::graph
