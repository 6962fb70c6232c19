#include "devices/least_squares.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "core/error.h"

namespace quench::devices {
namespace {

/// Normal equations of a least-squares problem in the terms that a form uses.
struct Normal {
  explicit Normal(std::vector<size_t> used) : terms(std::move(used)) {}

  std::vector<size_t> terms;
  std::array<Terms, kTermCount> matrix{};  ///< row and column i: of terms[i]
  Terms right{};
  double square = 0;  ///< of the targets

  /// Adds the row w (sum_i row_i x_i - target).
  void add(const Terms& row, double target, double weight) {
    for (size_t i = 0; i < terms.size(); ++i) {
      for (size_t j = 0; j < terms.size(); ++j) matrix[i][j] += weight * row[terms[i]] * row[terms[j]];
      right[i] += weight * row[terms[i]] * target;
    }
    square += weight * target * target;
  }
};

struct Solution {
  Terms x{};
  double loss = 0;
};

/// The least-squares solution with only the `n` columns of `used` not 0, by Gaussian elimination with pivots on scaled
/// columns; empty where these are linearly dependent.
std::optional<Solution> solve(const Normal& normal, const std::array<size_t, kTermCount>& used, size_t n) {
  std::array<std::array<double, kTermCount + 1>, kTermCount> a;
  Terms scale;
  for (size_t i = 0; i < n; ++i) {
    scale[i] = std::sqrt(normal.matrix[used[i]][used[i]]);
    if (!(scale[i] > 0)) return std::nullopt;
  }
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < n; ++j) a[i][j] = normal.matrix[used[i]][used[j]] / (scale[i] * scale[j]);
    a[i][n] = normal.right[used[i]] / scale[i];
  }
  for (size_t k = 0; k < n; ++k) {
    size_t pivot = k;
    for (size_t i = k + 1; i < n; ++i) {
      if (std::abs(a[i][k]) > std::abs(a[pivot][k])) pivot = i;
    }
    if (std::abs(a[pivot][k]) < 1e-12) return std::nullopt;
    std::swap(a[k], a[pivot]);
    for (size_t i = 0; i < n; ++i) {
      if (i == k) continue;
      const double factor = a[i][k] / a[k][k];
      for (size_t j = k; j <= n; ++j) a[i][j] -= factor * a[k][j];
    }
  }
  Solution solution;
  solution.loss = normal.square;
  for (size_t i = 0; i < n; ++i) {
    const double value = a[i][n] / a[i][i] / scale[i];
    solution.x[used[i]] = value;
    solution.loss -= value * normal.right[used[i]];
  }
  return solution;
}

/// The best of all sets of terms whose solution is not negative anywhere: exact, for there are few.
Factors best_non_negative(const Normal& normal) {
  Solution best;
  best.loss = normal.square;
  for (size_t set = 1; set < size_t{1} << normal.terms.size(); ++set) {
    std::array<size_t, kTermCount> used{};
    size_t n = 0;
    for (size_t i = 0; i < normal.terms.size(); ++i) {
      if (set >> i & 1) used[n++] = i;
    }
    const std::optional<Solution> found = solve(normal, used, n);
    if (!found || found->loss >= best.loss) continue;
    if (std::ranges::none_of(found->x, [](double value) { return value < 0; })) best = *found;
  }
  Factors factors{};
  for (size_t i = 0; i < normal.terms.size(); ++i) factors[normal.terms[i]] = best.x[i];
  return factors;
}

/// A term's mean share of the latencies, at factor 1.
double mean_share(const std::vector<FitPoint>& points, size_t term) {
  double sum = 0;
  for (const FitPoint& point : points) sum += point.terms[term] / point.latency_ns;
  return sum / static_cast<double>(points.size());
}

/// Target of a row for what the factors are beyond their least.
double beyond(const Terms& row, double target, const Factors& least) {
  for (size_t i = 0; i < kTermCount; ++i) target -= row[i] * least[i];
  return target;
}

}  // namespace

Factors fit_factors(const std::vector<FitPoint>& points, const std::vector<double>& weights, const Form& form,
                    const Prior* prior) {
  ensure(!points.empty() && points.size() == weights.size(), "[devices.fit] expected weighted points, got {}",
         points.size());
  std::vector<size_t> allowed;
  for (size_t i = 0; i < kTermCount; ++i) {
    if (form.used[i]) allowed.push_back(i);
  }
  Normal normal(allowed);
  for (size_t i = 0; i < points.size(); ++i) {
    Terms row = points[i].terms;
    for (double& term : row) term /= points[i].latency_ns;
    normal.add(row, beyond(row, 1, form.least), weights[i]);
  }
  for (const size_t i : allowed) {
    if (!prior) break;
    const bool expected = prior->factors[i] > 0;
    if (!expected && !prior->shrink) continue;
    Terms row{};
    row[i] = expected ? 1 / prior->factors[i] : mean_share(points, i);
    normal.add(row, beyond(row, expected ? 1 : 0, form.least), prior->ridge * prior->ridge);
  }
  Factors factors = best_non_negative(normal);
  for (size_t i = 0; i < kTermCount; ++i) factors[i] += form.least[i];
  return factors;
}

}  // namespace quench::devices
