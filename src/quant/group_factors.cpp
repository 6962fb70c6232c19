#include "quant/group_factors.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "graph/weight_groups.h"
#include "quant/weight_scale_search.h"

namespace quench::quant {
namespace {

/// The nearest integer, halves to the even one, of numbers far below 2^22; std::nearbyint is a call for each.
float to_nearest(float x) {
  constexpr float kShift = 0x1.8p23f;
  return (x + kShift) - kShift;
}

/// The weights of one group.
struct Group {
  std::span<const float> weights;
  std::span<const double> importance;  ///< empty: 1
};

using Factors = std::vector<uint8_t>;  ///< of groups that share a scale

/// A scale and its factors.
struct Choice {
  float scale = 0;
  Factors factors;
  double error = std::numeric_limits<double>::infinity();
};

/// Groups that share a scale.
class SharedScale {
 public:
  SharedScale(std::vector<Group> groups, int bits, float least)
      : groups_(std::move(groups)),
        most_(static_cast<float>(graph::largest_code(bits))),
        largest_(static_cast<int>(largest_factor(bits))),
        least_(least) {}

  /// Of a scale that covers the weights at a factor of 1.
  Choice covering(float covering_scale) const {
    Choice out{std::max(covering_scale / static_cast<float>(largest_), least_), {}, 0};
    for (const Group& group : groups_) {
      constexpr double kRounding = 1 - 1e-6;  // of floats, which must not cost a step
      double size = 0;
      for (const float w : group.weights) size = std::max(size, std::abs(static_cast<double>(w)));
      const double needed = std::ceil(size / (static_cast<double>(out.scale) * most_) * kRounding);
      out.factors.push_back(static_cast<uint8_t>(std::clamp(needed, 1.0, static_cast<double>(largest_))));
      out.error += error_of(group, out.scale, out.factors.back());
    }
    return out;
  }

  /// The least error that is found, from a choice on.
  Choice searched(Choice best) const {
    constexpr int kSteps = 60, kFine = 20, kTurns = 20;
    constexpr double kShortest = 0.25;
    const double first = best.scale, wide = first * (1 - kShortest) / kSteps;
    const auto try_scale = [&](double scale) {
      const auto rounded = static_cast<float>(scale);
      if (!(rounded >= least_) || !std::isnormal(rounded)) return false;
      Choice next = best_factors(rounded);
      if (!(next.error < best.error)) return false;
      best = std::move(next);
      return true;
    };
    for (int i = 0; i < kSteps; ++i) try_scale(first - wide * i);
    const double middle = best.scale;
    for (int i = -kFine; i <= kFine; ++i) try_scale(middle + wide * i / kFine);
    for (int turn = 0; turn < kTurns; ++turn) {
      if (!try_scale(refit(best))) break;
    }
    return best;
  }

 private:
  double error_of(const Group& group, float scale, int factor) const {
    const auto f = static_cast<float>(factor);
    double sum = 0;
    for (size_t i = 0; i < group.weights.size(); ++i) {
      const float steps = group.weights[i] / scale;
      const double away = steps - f * to_nearest(std::clamp(steps / f, -most_, most_));
      sum += (group.importance.empty() ? 1 : group.importance[i]) * away * away;
    }
    return sum * scale * scale;
  }

  Choice best_factors(float scale) const {
    Choice out{scale, {}, 0};
    for (const Group& group : groups_) {
      int best = 1;
      double least = error_of(group, scale, best);
      for (int factor = 2; factor <= largest_; ++factor) {
        const double error = error_of(group, scale, factor);
        if (!(error < least)) continue;
        least = error;
        best = factor;
      }
      out.factors.push_back(static_cast<uint8_t>(best));
      out.error += least;
    }
    return out;
  }

  double refit(const Choice& choice) const {
    double both = 0, squares = 0;
    for (size_t g = 0; g < groups_.size(); ++g) {
      const Group& group = groups_[g];
      const auto f = static_cast<float>(choice.factors[g]);
      for (size_t i = 0; i < group.weights.size(); ++i) {
        const double q = f * to_nearest(std::clamp(group.weights[i] / choice.scale / f, -most_, most_));
        const double a = group.importance.empty() ? 1 : group.importance[i];
        both += a * q * static_cast<double>(group.weights[i]);
        squares += a * q * q;
      }
    }
    return squares > 0 ? both / squares : 0;
  }

  std::vector<Group> groups_;
  float most_;
  int largest_;
  float least_;
};

/// Groups of the weights of one channel, which are [inputs, places].
void add_groups(std::vector<Group>& out, std::span<const float> weights, std::span<const double> importance,
                size_t places, size_t group_size) {
  const size_t size = group_size * places;
  for (size_t first = 0; first < weights.size(); first += size) {
    const size_t count = std::min(size, weights.size() - first);
    out.push_back({weights.subspan(first, count),
                   importance.empty() ? std::span<const double>() : importance.subspan(first, count)});
  }
}

}  // namespace

int64_t largest_factor(int bits) { return std::min(int64_t{15}, graph::kLargestStep / graph::largest_code(bits)); }

bool takes_groups(int bits, int axis, const Shape& weight, int64_t group_size) {
  return bits >= 2 && bits <= 5 && weight.size() >= 2 && (axis < 0 || weight[1] > group_size);
}

graph::QuantParams with_group_factors(const Tensor& weight, graph::QuantParams start, int64_t group_size,
                                      std::span<const double> importance, std::span<const float> least, int64_t groups,
                                      bool search) {
  const std::span<const float> values = weight.values<float>();
  const std::vector<double> of_weights = importance_of_weights(weight.shape(), importance, groups);
  const auto outputs = static_cast<size_t>(weight.shape().at(0)), inputs = static_cast<size_t>(weight.shape().at(1));
  const size_t each = values.size() / outputs, sharing = outputs / start.scale.size();
  start.group_size = group_size;
  start.group_factors.clear();
  for (size_t c = 0; c < start.scale.size(); ++c) {
    std::vector<Group> own;
    for (size_t o = c * sharing; o < (c + 1) * sharing; ++o) {
      const std::span<const double> all = of_weights;
      add_groups(own, values.subspan(o * each, each), all.empty() ? all : all.subspan(o * each, each), each / inputs,
                 static_cast<size_t>(group_size));
    }
    const SharedScale shared(std::move(own), start.bits, least.empty() ? 0 : least[std::min(c, least.size() - 1)]);
    Choice choice = shared.covering(start.scale[c]);
    if (search) choice = shared.searched(std::move(choice));
    start.scale[c] = choice.scale;
    start.group_factors.insert(start.group_factors.end(), choice.factors.begin(), choice.factors.end());
  }
  return start;
}

}  // namespace quench::quant
