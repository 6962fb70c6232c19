#include "quant/weight_scale_search.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/error.h"
#include "graph/levels.h"
#include "quant/power_of_two.h"

namespace quench::quant {
namespace {

float search(std::span<const float> weights, std::span<const double> importance, float start, float least,
             const WeightGrid& grid) {
  constexpr int kSteps = 100, kFine = 25, kTurns = 20;
  constexpr double kShortest = 0.2;
  float best = start;
  double best_error = rounding_error(weights, importance, start, grid);
  const auto try_scale = [&](float scale) {
    if (!(scale >= least) || !std::isnormal(scale)) return false;
    const double error = rounding_error(weights, importance, scale, grid);
    if (!(error < best_error)) return false;
    best = scale;
    best_error = error;
    return true;
  };
  for (int i = 1; i < kSteps; ++i) {
    try_scale(static_cast<float>(static_cast<double>(start) * (1 - (1 - kShortest) * i / kSteps)));
  }
  const double middle = best, wide = static_cast<double>(start) * (1 - kShortest) / kSteps;
  for (int i = -kFine; i <= kFine; ++i) try_scale(static_cast<float>(middle + wide * i / kFine));
  for (int turn = 0; turn < kTurns; ++turn) {
    if (!try_scale(refit_scale(weights, importance, best, grid))) break;
  }
  return best;
}

}  // namespace

WeightGrid::WeightGrid(const graph::QuantParams& params)
    : most_(static_cast<double>(params.q_max())),
      levels_(params.levels),
      boundaries_(graph::level_boundaries(params.levels)) {}

double WeightGrid::nearest(float steps) const {
  if (!levels_.empty()) return levels_[graph::nearest_code(steps, boundaries_)];
  return std::clamp(std::nearbyint(static_cast<double>(steps)), -most_, most_);
}

float refit_scale(std::span<const float> weights, std::span<const double> importance, float scale,
                  const WeightGrid& grid) {
  double both = 0, squares = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    const double q = grid.nearest(weights[i] / scale), a = importance.empty() ? 1 : importance[i];
    both += a * q * static_cast<double>(weights[i]);
    squares += a * q * q;
  }
  return squares > 0 ? static_cast<float>(both / squares) : 0;
}

double rounding_error(std::span<const float> weights, std::span<const double> importance, float scale,
                      const WeightGrid& grid) {
  double sum = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    const double error =
        static_cast<double>(weights[i]) - static_cast<double>(scale) * grid.nearest(weights[i] / scale);
    sum += (importance.empty() ? 1 : importance[i]) * error * error;
  }
  return sum;
}

std::vector<double> importance_of_weights(const Shape& weight, std::span<const double> importance, int64_t groups) {
  if (importance.empty()) return {};
  const auto count = static_cast<size_t>(element_count(weight));
  const auto outputs = static_cast<size_t>(weight.at(0)), inputs = static_cast<size_t>(weight.at(1));
  const size_t each = count / outputs, places = each / inputs;
  ensure(importance.size() == inputs * static_cast<size_t>(groups),
         "[quant.weight_scale_search] {} importances for {} input channels of {} groups", importance.size(), inputs,
         groups);
  std::vector<double> of_weights(count);
  for (size_t i = 0; i < count; ++i) {
    const size_t group = i / each * static_cast<size_t>(groups) / outputs;
    of_weights[i] = importance[group * inputs + i % each / places];
  }
  return of_weights;
}

graph::QuantParams search_weight_scales(const Tensor& weight, graph::QuantParams start,
                                        std::span<const double> importance, std::span<const float> least,
                                        int64_t groups) {
  const std::span<const float> values = weight.values<float>();
  const std::vector<double> of_weights = importance_of_weights(weight.shape(), importance, groups);
  const WeightGrid grid(start);
  const size_t part = values.size() / start.scale.size();
  for (size_t c = 0; c < start.scale.size(); ++c) {
    const auto own = of_weights.empty() ? std::span<const double>() : std::span(of_weights).subspan(c * part, part);
    start.scale[c] = search(values.subspan(c * part, part), own, start.scale[c],
                            least.empty() ? 0 : least[std::min(c, least.size() - 1)], grid);
  }
  return start;
}

graph::QuantParams search_powers_of_two(const Tensor& weight, graph::QuantParams start, float unit,
                                        std::span<const double> importance, std::span<const float> least,
                                        int64_t groups, bool search) {
  const int powers = search ? 5 : 1;
  const std::span<const float> values = weight.values<float>();
  const std::vector<double> of_weights = importance_of_weights(weight.shape(), importance, groups);
  const WeightGrid grid(start);
  const size_t part = values.size() / start.scale.size();
  for (size_t c = 0; c < start.scale.size(); ++c) {
    const auto own = of_weights.empty() ? std::span<const double>() : std::span(of_weights).subspan(c * part, part);
    const float widest = unit * power_of_two_above(start.scale[c] / unit);
    const float floor = least.empty() ? 0 : least[std::min(c, least.size() - 1)];
    double least_error = std::numeric_limits<double>::infinity();
    for (int power = 0; power < powers; ++power) {
      const float scale = std::ldexp(widest, -power);
      if (power > 0 && (scale < floor || !std::isnormal(scale))) break;
      const double error = rounding_error(values.subspan(c * part, part), own, scale, grid);
      if (!(error < least_error)) continue;
      least_error = error;
      start.scale[c] = scale;
    }
  }
  return start;
}

}  // namespace quench::quant
