#include "devices/fit.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>

#include "core/error.h"

namespace quench::devices {
namespace {

constexpr size_t kTerms = std::tuple_size_v<Terms>;

/// How strongly a device's factors are drawn to those of its runtime on all devices. A device's anchors weigh 1 in all.
constexpr double kRidge = 0.1;

std::array<bool, kTerms> fitted_terms(Engine engine) {
  return engine == Engine::gpu ? std::array{true, false, true, true} : std::array{false, true, true, true};
}

/// Normal equations of a least-squares problem.
struct Normal {
  std::array<std::array<double, kTerms>, kTerms> matrix{};
  std::array<double, kTerms> right{};
  double square = 0;  ///< of the targets

  /// Adds the row w (sum_i row_i x_i - target).
  void add(const std::array<double, kTerms>& row, double target, double weight) {
    for (size_t i = 0; i < kTerms; ++i) {
      for (size_t j = 0; j < kTerms; ++j) matrix[i][j] += weight * row[i] * row[j];
      right[i] += weight * row[i] * target;
    }
    square += weight * target * target;
  }

  double loss(const Factors& x) const {
    double sum = square;
    for (size_t i = 0; i < kTerms; ++i) {
      sum -= 2 * right[i] * x[i];
      for (size_t j = 0; j < kTerms; ++j) sum += x[i] * matrix[i][j] * x[j];
    }
    return sum;
  }
};

/// The least-squares solution with only the terms of `used` not 0, by Gaussian elimination with pivots on scaled
/// columns; empty where these are linearly dependent.
std::optional<Factors> solve(const Normal& normal, const std::vector<size_t>& used) {
  const size_t n = used.size();
  std::vector<std::vector<double>> a(n, std::vector<double>(n + 1));
  std::vector<double> scale(n);
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
  Factors x{};
  for (size_t i = 0; i < n; ++i) x[used[i]] = a[i][n] / a[i][i] / scale[i];
  return x;
}

/// The best of all sets of terms whose solution is not negative anywhere: exact, for there are few.
Factors best_non_negative(const Normal& normal, const std::array<bool, kTerms>& allowed) {
  Factors best{};
  double least = normal.square;
  for (size_t set = 1; set < size_t{1} << kTerms; ++set) {
    std::vector<size_t> used;
    bool possible = true;
    for (size_t i = 0; i < kTerms; ++i) {
      if (!(set >> i & 1)) continue;
      used.push_back(i);
      possible = possible && allowed[i];
    }
    if (!possible) continue;
    const std::optional<Factors> x = solve(normal, used);
    if (!x || std::ranges::any_of(*x, [](double value) { return value < 0; })) continue;
    if (const double loss = normal.loss(*x); loss < least) {
      least = loss;
      best = *x;
    }
  }
  return best;
}

using Points = std::vector<FitPoint>;

template <typename Keep>
Points only(const Points& points, Keep keep) {
  Points kept;
  std::ranges::copy_if(points, std::back_inserter(kept), keep);
  return kept;
}

/// Every device weighs 1, however many anchors it has.
std::vector<double> device_weights(const Points& points) {
  std::map<std::string, double> count;
  for (const FitPoint& point : points) ++count[point.device];
  std::vector<double> weights;
  for (const FitPoint& point : points) weights.push_back(1 / count[point.device]);
  return weights;
}

Factors fit_runtime(const Points& points) {
  return fit_factors(points, device_weights(points), points.front().engine, nullptr, 0);
}

/// Of one device, drawn to all of `points`.
Factors fit_device(const Points& points, const std::string& device) {
  const Factors prior = fit_runtime(points);
  const Points own = only(points, [&](const FitPoint& p) { return p.device == device; });
  if (own.empty()) return prior;
  return fit_factors(own, device_weights(own), own.front().engine, &prior, kRidge);
}

/// Time / GFLOPs with the least squared relative error.
double gflops_rate(const Points& points) {
  double top = 0, bottom = 0;
  for (const FitPoint& point : points) {
    const double share = point.gflops / point.latency_ns;
    top += share;
    bottom += share * share;
  }
  return bottom > 0 ? top / bottom : 0;
}

using Runtime = std::pair<Engine, std::string>;

std::map<Runtime, Points> by_runtime(const Points& points) {
  std::map<Runtime, Points> sets;
  for (const FitPoint& point : points) sets[{point.engine, point.runtime}].push_back(point);
  return sets;
}

template <typename Member>
std::set<std::string> distinct(const Points& points, Member member) {
  std::set<std::string> values;
  for (const FitPoint& point : points) values.insert(point.*member);
  return values;
}

/// 90 % quantile by nearest rank.
double quantile_90(std::vector<double> values) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  return values[static_cast<size_t>(std::ceil(0.9 * static_cast<double>(values.size()))) - 1];
}

std::vector<double> errors_of(const std::vector<HeldOut>& held, const Runtime& runtime, const std::string& device) {
  std::vector<double> errors;
  for (const HeldOut& out : held) {
    if (Runtime{out.point->engine, out.point->runtime} != runtime) continue;
    if (device.empty() || out.point->device == device) errors.push_back(out.relative());
  }
  return errors;
}

/// Error, in logarithms, of what cross-validation could not test: a factor of 2, more than any that it found.
const double kUntested = std::log(2);

RuntimeFit runtime_fit(const Points& points, const std::string& device, const Factors& factors, double error) {
  RuntimeFit fit{device, points.front().engine, points.front().runtime, factors, error, 0, {}};
  for (const FitPoint& point : points) {
    if (!device.empty() && point.device != device) continue;
    ++fit.anchors;
    const std::string precision = to_string(point.precision);
    if (std::ranges::count(fit.precisions, precision) == 0) fit.precisions.push_back(precision);
  }
  return fit;
}

}  // namespace

Factors fit_factors(const std::vector<FitPoint>& points, const std::vector<double>& weights, Engine engine,
                    const Factors* prior, double ridge) {
  ensure(!points.empty() && points.size() == weights.size(), "[devices.fit] expected weighted points, got {}",
         points.size());
  Normal normal;
  for (size_t i = 0; i < points.size(); ++i) {
    Terms row = points[i].terms;
    for (double& term : row) term /= points[i].latency_ns;
    normal.add(row, 1, weights[i]);
  }
  for (size_t i = 0; prior && i < kTerms; ++i) {
    if (!((*prior)[i] > 0)) continue;
    Terms row{};
    row[i] = 1 / (*prior)[i];
    normal.add(row, 1, ridge * ridge);
  }
  return best_non_negative(normal, fitted_terms(engine));
}

std::vector<HeldOut> leave_one_model_out(const Points& all) {
  std::vector<HeldOut> out;
  for (const auto& [runtime, points] : by_runtime(all)) {
    for (const std::string& model : distinct(points, &FitPoint::model)) {
      const Points rest = only(points, [&](const FitPoint& p) { return p.model != model; });
      if (rest.empty()) continue;
      for (const FitPoint& point : all) {
        if (Runtime{point.engine, point.runtime} != runtime || point.model != model) continue;
        const Points own = only(rest, [&](const FitPoint& p) { return p.device == point.device; });
        if (own.empty()) continue;  // a device that only this model was measured on is unseen: the other scheme's case
        out.push_back(
            {&point, latency_of(point.terms, fit_device(rest, point.device)), gflops_rate(own) * point.gflops});
      }
    }
  }
  return out;
}

std::vector<HeldOut> leave_one_device_out(const Points& all) {
  std::vector<HeldOut> out;
  for (const auto& [runtime, points] : by_runtime(all)) {
    for (const std::string& device : distinct(points, &FitPoint::device)) {
      const Points rest = only(points, [&](const FitPoint& p) { return p.device != device; });
      if (rest.empty()) continue;
      const Factors factors = fit_runtime(rest);
      for (const FitPoint& point : all) {
        if (Runtime{point.engine, point.runtime} != runtime || point.device != device) continue;
        out.push_back({&point, latency_of(point.terms, factors), gflops_rate(rest) * point.gflops});
      }
    }
  }
  return out;
}

ErrorSummary summarize(const std::vector<double>& relative_errors) {
  ErrorSummary summary;
  summary.points = static_cast<int64_t>(relative_errors.size());
  if (relative_errors.empty()) return summary;
  std::vector<double> sizes, logs;
  for (const double error : relative_errors) {
    sizes.push_back(std::abs(error));
    logs.push_back(std::abs(std::log(std::max(1 + error, 1e-9))));
    summary.mean += sizes.back() / static_cast<double>(relative_errors.size());
  }
  std::ranges::sort(sizes);
  const size_t half = sizes.size() / 2;
  summary.median = sizes.size() % 2 ? sizes[half] : (sizes[half - 1] + sizes[half]) / 2;
  summary.max = sizes.back();
  summary.log_90 = quantile_90(logs);
  return summary;
}

std::vector<RuntimeFit> fit_all(const Points& all) {
  const std::vector<HeldOut> models = leave_one_model_out(all), devices = leave_one_device_out(all);
  std::vector<RuntimeFit> fits;
  for (const auto& [runtime, points] : by_runtime(all)) {
    const ErrorSummary model_errors = summarize(errors_of(models, runtime, ""));
    const ErrorSummary device_errors = summarize(errors_of(devices, runtime, ""));
    // A runtime of one device, or one model, was never tested so: the other errors are the least that can be said.
    const double unseen_device =
        std::max({device_errors.log_90, model_errors.log_90, device_errors.points > 0 ? 0 : kUntested});
    fits.push_back(runtime_fit(points, "", fit_runtime(points), unseen_device));
    for (const std::string& device : distinct(points, &FitPoint::device)) {
      const ErrorSummary own = summarize(errors_of(models, runtime, device));
      const double unseen_model = own.points > 0 ? std::max(own.log_90, model_errors.log_90) : unseen_device;
      fits.push_back(runtime_fit(points, device, fit_device(points, device), unseen_model));
    }
  }
  return fits;
}

}  // namespace quench::devices
