#include "quant/codebook.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "core/error.h"
#include "quant/weight_scale_search.h"

namespace quench::quant {
namespace {

constexpr int kMost = 127, kPlaces = 2 * kMost + 1;
constexpr double kNever = std::numeric_limits<double>::infinity();

/// Sums over values up to each half integer, from which the squared distances of any range to any level follow.
class RangeSums {
 public:
  RangeSums(std::span<const float> steps, std::span<const double> importance) {
    for (size_t i = 0; i < steps.size(); ++i) {
      const double v = steps[i], a = importance.empty() ? 1 : importance[i];
      const double half = std::clamp(std::ceil(2 * (v + kMost)), 0.0, kHalves - 1.0);
      Sums& sums = upto_[static_cast<size_t>(half)];
      sums.count += a;
      sums.value += a * v;
      sums.square += a * v * v;
    }
    for (size_t h = 1; h < upto_.size(); ++h) {
      upto_[h].count += upto_[h - 1].count;
      upto_[h].value += upto_[h - 1].value;
      upto_[h].square += upto_[h - 1].square;
    }
  }

  /// Squared distances to place `level` of the values in (from, to], both in halves of a step from the least place;
  /// from -1: all below.
  double distances(int from, int to, int level) const {
    const Sums& high = upto_[static_cast<size_t>(to)];
    const Sums low = from < 0 ? Sums{} : upto_[static_cast<size_t>(from)];
    const double l = level - kMost;
    return std::max(0.0,
                    (high.square - low.square) - 2 * l * (high.value - low.value) + l * l * (high.count - low.count));
  }
  double below(int level) const { return distances(-1, 2 * level, level); }
  double above(int level) const { return distances(2 * level, kHalves - 1, level); }
  double between(int low, int high) const {
    return distances(2 * low, low + high, low) + distances(low + high, 2 * high, high);
  }

 private:
  static constexpr int kHalves = 2 * kPlaces;  ///< the last is for what lies above all places
  struct Sums {
    double count = 0, value = 0, square = 0;
  };
  std::array<Sums, kHalves> upto_{};
};

/// Steps w / scale of all weights, and what the error of a step of each counts: a s^2.
struct Steps {
  std::vector<float> values;
  std::vector<double> importance;
};

Steps steps_of(std::span<const float> weights, std::span<const double> importance, const std::vector<float>& scales) {
  Steps out;
  const size_t each = weights.size() / scales.size();
  for (size_t i = 0; i < weights.size(); ++i) {
    const double scale = scales[i / each];
    out.values.push_back(weights[i] / scales[i / each]);
    out.importance.push_back((importance.empty() ? 1 : importance[i]) * scale * scale);
  }
  return out;
}

/// A layer whose scales and levels are looked for.
class CodebookSearch {
 public:
  CodebookSearch(std::span<const float> weights, std::vector<double> importance, std::span<const float> least)
      : weights_(weights), importance_(std::move(importance)), least_(least) {}

  /// The best levels for the scales that it has.
  void choose_levels(graph::QuantParams& params) const {
    const Steps steps = steps_of(weights_, importance_, params.scale);
    params.levels = best_levels(steps.values, steps.importance, int64_t{1} << params.bits);
  }

  double error(const graph::QuantParams& params) const {
    const WeightGrid grid(params);
    double sum = 0;
    for (size_t c = 0; c < params.scale.size(); ++c) {
      sum += rounding_error(part(weights_, params, c), part(importance_, params, c), params.scale[c], grid);
    }
    return sum;
  }

  /// By turns, while the error falls.
  graph::QuantParams improved(graph::QuantParams params) const {
    constexpr int kTurns = 30;
    choose_levels(params);
    double least_error = error(params);
    for (int turn = 0; turn < kTurns; ++turn) {
      graph::QuantParams next = params;
      const WeightGrid grid(params);
      for (size_t c = 0; c < params.scale.size(); ++c) {
        const float scale = refit_scale(part(weights_, params, c), part(importance_, params, c), params.scale[c], grid);
        if (scale >= least_of(c) && std::isnormal(scale)) next.scale[c] = scale;
      }
      choose_levels(next);
      const double now = error(next);
      if (!(now < least_error)) break;
      least_error = now;
      params = std::move(next);
    }
    return params;
  }

  /// Scales that give every channel one mean square, the largest step being 127.
  graph::QuantParams evened(graph::QuantParams params) const {
    std::vector<double> sizes;
    double most = 0;
    for (size_t c = 0; c < params.scale.size(); ++c) {
      double squares = 0, largest = 0;
      const auto own = part(weights_, params, c);
      for (const float w : own) {
        squares += static_cast<double>(w) * w;
        largest = std::max(largest, std::abs(static_cast<double>(w)));
      }
      sizes.push_back(std::sqrt(squares / static_cast<double>(own.size())));
      if (sizes.back() > 0) most = std::max(most, largest / sizes.back());
    }
    for (size_t c = 0; c < sizes.size(); ++c) {
      const auto scale = static_cast<float>(sizes[c] * most / kMost);
      if (scale >= least_of(c) && std::isnormal(scale)) params.scale[c] = scale;
    }
    return params;
  }

 private:
  template <typename T>
  static std::span<const T> part(const std::vector<T>& all, const graph::QuantParams& params, size_t channel) {
    return part(std::span<const T>(all), params, channel);
  }
  template <typename T>
  static std::span<const T> part(std::span<const T> all, const graph::QuantParams& params, size_t channel) {
    const size_t each = all.size() / params.scale.size();
    return all.subspan(channel * each, each);
  }
  float least_of(size_t channel) const { return least_.empty() ? 0 : least_[std::min(channel, least_.size() - 1)]; }

  std::span<const float> weights_;
  std::vector<double> importance_;
  std::span<const float> least_;
};

}  // namespace

std::vector<int8_t> best_levels(std::span<const float> steps, std::span<const double> importance, int64_t count) {
  ensure(count >= 2 && count <= kPlaces, "[quant.codebook] expected 2 to {} levels, got {}", kPlaces, count);
  const RangeSums sums(steps, importance);
  const auto levels = static_cast<size_t>(count);
  std::vector<double> between(kPlaces * kPlaces, kNever);
  for (int i = 0; i < kPlaces; ++i) {
    for (int j = i + 1; j < kPlaces; ++j) {
      if (i < kMost && j > kMost) continue;  // no pair of neighbours parts at 0: it is a level
      between[static_cast<size_t>(i * kPlaces + j)] = sums.between(i, j);
    }
  }
  // best[j]: the least cost of what lies up to place j with k levels, the last of them at j; come[k][j]: the one
  // before.
  std::vector<double> best(kPlaces, kNever), next(kPlaces);
  std::vector<std::vector<int>> come(levels, std::vector<int>(kPlaces, -1));
  for (int j = 0; j <= kMost; ++j) best[static_cast<size_t>(j)] = sums.below(j);
  for (size_t k = 1; k < levels; ++k) {
    std::ranges::fill(next, kNever);
    for (int j = 1; j < kPlaces; ++j) {
      for (int i = 0; i < j; ++i) {
        const double cost = best[static_cast<size_t>(i)] + between[static_cast<size_t>(i * kPlaces + j)];
        if (!(cost < next[static_cast<size_t>(j)])) continue;
        next[static_cast<size_t>(j)] = cost;
        come[k][static_cast<size_t>(j)] = i;
      }
    }
    best.swap(next);
  }
  int last = -1;
  double least = kNever;
  for (int j = kMost; j < kPlaces; ++j) {
    const double cost = best[static_cast<size_t>(j)] + sums.above(j);
    if (!(cost < least)) continue;
    least = cost;
    last = j;
  }
  ensure(last >= 0, "[quant.codebook] expected finite weights");
  std::vector<int8_t> out(levels);
  for (size_t k = levels; k-- > 0; last = come[k][static_cast<size_t>(last)]) {
    out[k] = static_cast<int8_t>(last - kMost);
  }
  return out;
}

graph::QuantParams with_codebook(const Tensor& weight, graph::QuantParams start, std::span<const double> importance,
                                 std::span<const float> least, int64_t groups, bool search) {
  const CodebookSearch codebooks(weight.values<float>(), importance_of_weights(weight.shape(), importance, groups),
                                 least);
  if (!search) {
    codebooks.choose_levels(start);
    return start;
  }
  graph::QuantParams a = codebooks.improved(start), b = codebooks.improved(codebooks.evened(start));
  return codebooks.error(b) < codebooks.error(a) ? b : a;
}

}  // namespace quench::quant
