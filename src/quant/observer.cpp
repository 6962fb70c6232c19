#include "quant/observer.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/text.h"
#include "quant/observer_families.h"
#include "quant/power_of_two.h"

namespace quench::quant {
namespace {

// A range narrower than this holds nothing that a network could tell from 0; its scale would approach denormals.
constexpr float kNarrowest = 0x1p-40f;

}  // namespace

graph::QuantParams Observer::power_of_two(int bits, bool symmetric) const {
  const Range found = range(bits, symmetric);
  graph::QuantParams params = params_for(found, bits, symmetric);
  params.scale = {power_of_two_above(params.scale[0])};
  if (!symmetric) {
    const double zero = std::nearbyint(-std::min(found.low, 0.0f) / params.scale[0]);
    params.zero_point = {static_cast<int32_t>(std::clamp(zero, 0.0, static_cast<double>(params.q_max())))};
  }
  return params;
}

const std::vector<std::string>& observer_names() {
  static const std::vector<std::string> names = {"minmax", "moving_average", "percentile", "mse", "entropy", "aciq"};
  return names;
}

std::unique_ptr<Observer> make_observer(const std::string& name, double percentile, bool before_silu) {
  if (name == "minmax") return minmax_observer();
  if (name == "moving_average") return moving_average_observer();
  if (name == "percentile") return percentile_observer(percentile);
  if (name == "mse") return mse_observer(before_silu);
  if (name == "entropy") return entropy_observer();
  if (name == "aciq") return aciq_observer();
  fail(ErrorKind::config, "[quant.observer] unknown observer '{}'{}", name, suggestion(name, observer_names()));
}

graph::QuantParams params_for(Range range, int bits, bool symmetric) {
  if (bits < 2 || bits > 8) fail(ErrorKind::config, "[quant.observer] expected 2 to 8 bits, got {}", bits);
  if (!std::isfinite(range.low) || !std::isfinite(range.high) || range.low > range.high) {
    fail(ErrorKind::data, "[quant.observer] expected a finite range low <= high, got [{}, {}]", range.low, range.high);
  }
  graph::QuantParams params;
  params.dtype = symmetric ? DType::i8 : DType::u8;
  params.bits = bits;
  params.zero_point = {0};
  const double low = std::min(range.low, 0.0f);
  const double high = std::max(range.high, 0.0f);
  const double span = symmetric ? std::max(-low, high) : high - low;
  const double q_max = symmetric ? (1 << (bits - 1)) - 1 : (1 << bits) - 1;
  if (span < kNarrowest) {
    params.scale = {std::ldexp(1.0f, -bits)};
    return params;
  }
  const float scale = static_cast<float>(span / q_max);
  params.scale = {scale};
  if (!symmetric) params.zero_point = {static_cast<int32_t>(std::clamp(std::nearbyint(-low / scale), 0.0, q_max))};
  return params;
}

}  // namespace quench::quant
