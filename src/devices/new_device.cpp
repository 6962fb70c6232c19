#include "devices/new_device.h"

#include <algorithm>
#include <map>
#include <set>

#include "core/error.h"

namespace quench::devices {
namespace {

using Points = std::vector<FitPoint>;

constexpr double kCoarseRidge = 0.1;
constexpr size_t kModelsFromNothing = 6;
constexpr size_t kTrialPoints = 30;
constexpr double kLeastError = 0.1;  // of latencies that are not known, where many others are

/// A fit that begins at somebody's factors; none: at nothing.
Factors fit_from_start(const Points& own, const Factors* start) {
  const std::vector<double> weights(own.size(), 1 / static_cast<double>(own.size()));
  const Engine engine = own.front().engine;
  if (start && !is_layered(*start)) {
    const Prior prior{scaled_prior(own, *start).factors, kCoarseRidge, false};
    return fit_factors(own, weights, coarse_form(engine), &prior);
  }
  const Prior prior = start ? scaled_prior(own, *start) : Prior{{}, layered_ridge(own), true};
  return fit_factors(own, weights, layered_form(engine), &prior);
}

std::set<std::string> models_of(const Points& points) {
  std::set<std::string> models;
  for (const FitPoint& point : points) models.insert(model_group(point));
  return models;
}

/// |ln(forecast / measured)| where each model is left out.
std::vector<double> left_out_errors(const Points& own, const Factors* start) {
  std::vector<double> errors;
  for (const std::string& model : models_of(own)) {
    Points rest, out;
    for (const FitPoint& point : own) (model_group(point) == model ? out : rest).push_back(point);
    if (rest.empty()) continue;
    const Factors factors = fit_from_start(rest, start);
    for (const FitPoint& point : out) {
      errors.push_back(std::abs(std::log(latency_of(point.terms, factors) / point.latency_ns)));
    }
  }
  return errors;
}

std::vector<const Factors*> starts_for(const Points& own, const std::vector<RuntimeFit>& others) {
  std::vector<const Factors*> same, any;
  for (const RuntimeFit& other : others) {
    if (other.engine != own.front().engine || other.device == own.front().device) continue;
    (other.runtime == own.front().runtime ? same : any).push_back(&other.factors);
  }
  std::vector<const Factors*> starts = same;
  starts.insert(starts.end(), any.begin(), any.end());
  if (starts.empty() || models_of(own).size() >= kModelsFromNothing) starts.push_back(nullptr);
  return starts;
}

using Matrix = std::vector<std::vector<double>>;

double quadratic(const Matrix& matrix, const std::vector<double>& row) {
  double sum = 0;
  for (size_t i = 0; i < row.size(); ++i) {
    for (size_t j = 0; j < row.size(); ++j) sum += row[i] * matrix[i][j] * row[j];
  }
  return sum;
}

/// (A + r r^T)^-1 from A^-1 (Sherman and Morrison 1950).
void update(Matrix& inverse, const std::vector<double>& row) {
  const size_t n = row.size();
  std::vector<double> product(n, 0);
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < n; ++j) product[i] += inverse[i][j] * row[j];
  }
  double denominator = 1;
  for (size_t i = 0; i < n; ++i) denominator += row[i] * product[i];
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < n; ++j) inverse[i][j] -= product[i] * product[j] / denominator;
  }
}

/// Each candidate's terms, relative to its latency, so that every column has the mean square 1.
Matrix design_rows(const std::vector<Candidate>& candidates, const Form& form, Factors reference) {
  if (std::ranges::none_of(reference, [](double factor) { return factor > 0; })) {
    for (size_t i = 0; i < kTermCount; ++i) {
      double sum = 0;
      for (const Candidate& candidate : candidates) sum += candidate.terms[i];
      if (form.used[i] && sum > 0) reference[i] = 1 / sum;
    }
  }
  Matrix rows;
  for (const Candidate& candidate : candidates) {
    const double latency = latency_of(candidate.terms, reference);
    std::vector<double>& row = rows.emplace_back();
    for (size_t i = 0; i < kTermCount; ++i) {
      if (form.used[i]) row.push_back(latency > 0 ? candidate.terms[i] / latency : 0);
    }
  }
  for (size_t i = 0; i < static_cast<size_t>(form.terms()); ++i) {
    double square = 0;
    for (const auto& row : rows) square += row[i] * row[i] / static_cast<double>(rows.size());
    for (auto& row : rows) row[i] = square > 0 ? row[i] / std::sqrt(square) : 0;
  }
  return rows;
}

}  // namespace

NewDeviceFit fit_new_device(const Points& own, const std::vector<RuntimeFit>& others) {
  ensure(!own.empty(), "[devices.new_device] expected points, got none");
  const std::vector<const Factors*> starts = starts_for(own, others);
  const Factors* best = starts.front();
  double least = 0;
  for (size_t i = 0; i < starts.size(); ++i) {
    const std::vector<double> errors = left_out_errors(own, starts[i]);
    if (errors.size() <= 2) break;
    double sum = 0;
    for (const double error : errors) sum += error;
    if (i > 0 && sum >= least) continue;
    least = sum;
    best = starts[i];
  }
  const std::vector<double> errors = left_out_errors(own, best);
  return {fit_from_start(own, best), errors.size() > 2 ? std::max(conformal_90(errors), kLeastError) : kUntested};
}

std::vector<size_t> plan_measurements(const std::vector<Candidate>& candidates, const Form& form,
                                      const Factors& reference, int64_t count) {
  if (count < 1 || count > static_cast<int64_t>(candidates.size())) {
    fail(ErrorKind::config, "[devices.plan] expected 1 to {} measurements, got {}", candidates.size(), count);
  }
  constexpr double kWeak = 1e-3;  // information before the first measurement, so that the matrix has an inverse
  const Matrix rows = design_rows(candidates, form, reference);
  const size_t n = rows.front().size();
  Matrix inverse(n, std::vector<double>(n, 0));
  for (size_t i = 0; i < n; ++i) inverse[i][i] = 1 / kWeak;
  std::vector<size_t> chosen;
  std::map<std::string, int64_t> uses;
  while (static_cast<int64_t>(chosen.size()) < count) {
    size_t best = candidates.size();
    double most = 0;
    for (size_t i = 0; i < rows.size(); ++i) {
      if (std::ranges::count(chosen, i) > 0) continue;
      // How often the model is there already comes before what it would tell.
      const double told = quadratic(inverse, rows[i]);
      const auto used = [&](size_t index) { return uses[candidates[index].model]; };
      if (best == candidates.size() || used(i) < used(best) || (used(i) == used(best) && told > most)) {
        best = i;
        most = told;
      }
    }
    chosen.push_back(best);
    ++uses[candidates[best].model];
    update(inverse, rows[best]);
  }
  return chosen;
}

std::vector<HeldOut> new_device_trial(const Points& all, int64_t count) {
  std::map<std::tuple<Engine, std::string, std::string>, std::vector<const FitPoint*>> sets;
  for (const FitPoint& point : all) sets[{point.engine, point.runtime, point.device}].push_back(&point);
  std::vector<HeldOut> out;
  for (const auto& [key, points] : sets) {
    if (points.size() < kTrialPoints || static_cast<int64_t>(points.size()) <= count) continue;
    const std::string& device = std::get<2>(key);
    Points elsewhere;
    std::ranges::copy_if(all, std::back_inserter(elsewhere), [&](const FitPoint& p) { return p.device != device; });
    const std::vector<RuntimeFit> others = fit_devices(elsewhere);
    std::vector<Candidate> candidates;
    for (const FitPoint* point : points) candidates.push_back({model_group(*point), point->terms});
    const Form form = layered_form(std::get<0>(key));
    const std::vector<size_t> chosen = plan_measurements(candidates, form, {}, count);
    Points known;
    double time = 0, work = 0;
    for (const size_t i : chosen) {
      known.push_back(*points[i]);
      const double share = points[i]->gflops / points[i]->latency_ns;
      time += share;
      work += share * share;
    }
    const NewDeviceFit fit = fit_new_device(known, others);
    for (size_t i = 0; i < points.size(); ++i) {
      if (std::ranges::count(chosen, i) > 0) continue;
      out.push_back({points[i], latency_of(points[i]->terms, fit.factors), time / work * points[i]->gflops, fit.error});
    }
  }
  return out;
}

}  // namespace quench::devices
