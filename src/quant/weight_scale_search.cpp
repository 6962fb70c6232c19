#include "quant/weight_scale_search.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/error.h"

namespace quench::quant {
namespace {

/// As quant::convert rounds.
double step_of(float weight, float scale, int64_t q_max) {
  const auto most = static_cast<double>(q_max);
  return std::clamp(std::nearbyint(static_cast<double>(weight / scale)), -most, most);
}

/// The best scale for the integers that `scale` gives; 0 where they are all 0.
float refit(std::span<const float> weights, std::span<const double> importance, float scale, int64_t q_max) {
  double both = 0, squares = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    const double q = step_of(weights[i], scale, q_max), a = importance.empty() ? 1 : importance[i];
    both += a * q * static_cast<double>(weights[i]);
    squares += a * q * q;
  }
  return squares > 0 ? static_cast<float>(both / squares) : 0;
}

float search(std::span<const float> weights, std::span<const double> importance, float start, float least,
             int64_t q_max) {
  constexpr int kSteps = 100, kFine = 25, kTurns = 20;
  constexpr double kShortest = 0.2;
  float best = start;
  double best_error = rounding_error(weights, importance, start, q_max);
  const auto try_scale = [&](float scale) {
    if (!(scale >= least) || !std::isnormal(scale)) return false;
    const double error = rounding_error(weights, importance, scale, q_max);
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
    if (!try_scale(refit(weights, importance, best, q_max))) break;
  }
  return best;
}

}  // namespace

double rounding_error(std::span<const float> weights, std::span<const double> importance, float scale, int64_t q_max) {
  double sum = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    const double error =
        static_cast<double>(weights[i]) - static_cast<double>(scale) * step_of(weights[i], scale, q_max);
    sum += (importance.empty() ? 1 : importance[i]) * error * error;
  }
  return sum;
}

graph::QuantParams search_weight_scales(const Tensor& weight, graph::QuantParams start,
                                        std::span<const double> importance, std::span<const float> least,
                                        int64_t groups) {
  const std::span<const float> values = weight.values<float>();
  const auto outputs = static_cast<size_t>(weight.shape().at(0)), inputs = static_cast<size_t>(weight.shape().at(1));
  const size_t each = values.size() / outputs, places = each / inputs;
  ensure(importance.empty() || importance.size() == inputs * static_cast<size_t>(groups),
         "[quant.weight_scale_search] {} importances for {} input channels of {} groups", importance.size(), inputs,
         groups);
  std::vector<double> of_weights;
  if (!importance.empty()) {
    of_weights.resize(values.size());
    for (size_t i = 0; i < values.size(); ++i) {
      const size_t group = i / each * static_cast<size_t>(groups) / outputs;
      of_weights[i] = importance[group * inputs + i % each / places];
    }
  }
  const size_t part = values.size() / start.scale.size();
  for (size_t c = 0; c < start.scale.size(); ++c) {
    const auto own = of_weights.empty() ? std::span<const double>() : std::span(of_weights).subspan(c * part, part);
    start.scale[c] = search(values.subspan(c * part, part), own, start.scale[c],
                            least.empty() ? 0 : least[std::min(c, least.size() - 1)], start.q_max());
  }
  return start;
}

}  // namespace quench::quant
