#include "devices/fit.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

#include "devices/new_device.h"

namespace quench::devices {
namespace {

/// How strongly a device's factors are drawn to those of its runtime on all devices. A device's anchors weigh 1 in all.
constexpr double kRidge = 0.1;

/// Distinct models, of whatever size, from which the form by layers can be told apart.
constexpr size_t kLayeredModels = 6;

/// |ln(forecast / measured)| from which a latency is taken to be of something else than the others.
const double kContradiction = std::log(1.6);

/// Latencies of a device and runtime that its interval rests on alone.
constexpr int64_t kOwnInterval = 30;

using Points = std::vector<FitPoint>;

template <typename Keep>
Points only(const Points& points, Keep keep) {
  Points kept;
  std::ranges::copy_if(points, std::back_inserter(kept), keep);
  return kept;
}

/// Every device weighs 1, however many anchors it has; in the form by layers, one with few anchors less.
std::vector<double> device_weights(const Points& points, bool layered) {
  std::map<std::string, double> count;
  for (const FitPoint& point : points) ++count[point.device];
  std::vector<double> weights;
  for (const FitPoint& point : points) {
    const double own = count[point.device];
    weights.push_back(1 / (layered ? std::max<double>(own, kOwnInterval) : own));
  }
  return weights;
}

const std::string& name_of(const FitPoint& point) { return point.scaled.empty() ? point.model : point.scaled; }

bool has_many_models(const Points& points) {
  std::set<std::string> models;
  for (const FitPoint& point : points) models.insert(name_of(point));
  return models.size() >= kLayeredModels;
}

Factors fit_runtime(const Points& points) {
  const bool layered = has_many_models(points);
  const std::vector<double> weights = device_weights(points, layered);
  const Engine engine = points.front().engine;
  if (!layered) return fit_factors(points, weights, coarse_form(engine), nullptr);
  const Prior none{{}, layered_ridge(points), true};
  return fit_factors(points, weights, layered_form(engine), &none);
}

/// Of one device, drawn to all of `points`.
Factors fit_device(const Points& points, const std::string& device) {
  const Factors all = fit_runtime(points);
  const Points own = only(points, [&](const FitPoint& p) { return p.device == device; });
  if (own.empty()) return all;
  const std::vector<double> weights = device_weights(own, false);
  const Engine engine = own.front().engine;
  if (has_many_models(points)) {
    const Prior prior = scaled_prior(own, all);
    return fit_factors(own, weights, layered_form(engine), &prior);
  }
  const Prior prior{all, kRidge, false};
  return fit_factors(own, weights, coarse_form(engine), &prior);
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

std::set<std::string> groups_of(const Points& points, const GroupOf& group_of) {
  std::set<std::string> groups;
  for (const FitPoint& point : points) groups.insert(group_of(point));
  return groups;
}

std::string device_of(const FitPoint& point) { return point.device; }

Runtime runtime_of(const FitPoint& point) { return {point.engine, point.runtime}; }

std::vector<double> errors_of(const std::vector<HeldOut>& held, const Runtime& runtime, const std::string& device) {
  std::vector<double> errors;
  for (const HeldOut& out : held) {
    if (runtime_of(*out.point) != runtime) continue;
    if (device.empty() || out.point->device == device) errors.push_back(out.relative());
  }
  return errors;
}

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

double layered_ridge(const Points& points) { return 0.1 / std::sqrt(static_cast<double>(points.size())); }

Prior scaled_prior(const Points& own, Factors others) {
  std::vector<double> ratios;
  for (const FitPoint& point : own) {
    const double forecast = latency_of(point.terms, others);
    if (forecast > 0) ratios.push_back(point.latency_ns / forecast);
  }
  if (!ratios.empty()) {
    std::ranges::sort(ratios);
    for (double& factor : others) factor *= ratios[ratios.size() / 2];
  }
  return {others, layered_ridge(own), true};
}

double conformal_90(std::vector<double> values) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  const auto rank = static_cast<size_t>(std::ceil(0.9 * static_cast<double>(values.size() + 1)));
  return values[std::min(rank, values.size()) - 1];
}

std::string model_group(const FitPoint& point) { return name_of(point); }

std::vector<HeldOut> leave_one_out(const Points& all, const GroupOf& group_of) {
  std::vector<HeldOut> out;
  for (const auto& [runtime, points] : by_runtime(all)) {
    for (const std::string& group : groups_of(points, group_of)) {
      const Points rest = only(points, [&](const FitPoint& p) { return group_of(p) != group; });
      if (rest.empty()) continue;
      std::map<std::string, std::pair<Factors, double>> fits;  // of each device, once
      for (const FitPoint& point : all) {
        if (runtime_of(point) != runtime || group_of(point) != group) continue;
        const Points own = only(rest, [&](const FitPoint& p) { return p.device == point.device; });
        if (own.empty()) continue;  // a device that only this group was measured on is unseen: the other scheme's case
        auto found = fits.find(point.device);
        if (found == fits.end()) {
          found = fits.emplace(point.device, std::pair(fit_device(rest, point.device), gflops_rate(own))).first;
        }
        const auto& [factors, rate] = found->second;
        out.push_back({&point, latency_of(point.terms, factors), rate * point.gflops});
      }
    }
  }
  return out;
}

std::vector<HeldOut> leave_one_model_out(const Points& all) { return leave_one_out(all, model_group); }

std::vector<HeldOut> leave_one_device_out(const Points& all) {
  std::vector<HeldOut> out;
  for (const auto& [runtime, points] : by_runtime(all)) {
    for (const std::string& device : groups_of(points, device_of)) {
      const Points rest = only(points, [&](const FitPoint& p) { return p.device != device; });
      if (rest.empty()) continue;
      const Factors factors = fit_runtime(rest);
      for (const FitPoint& point : all) {
        if (runtime_of(point) != runtime || point.device != device) continue;
        out.push_back({&point, latency_of(point.terms, factors), gflops_rate(rest) * point.gflops});
      }
    }
  }
  return out;
}

double covered(const std::vector<HeldOut>& tested, const std::vector<HeldOut>& reference, const GroupOf& group_of,
               bool same_device) {
  std::map<std::tuple<Runtime, std::string, std::string>, double> spreads;
  double inside = 0;
  for (const HeldOut& out : tested) {
    const std::string device = same_device ? out.point->device : "", group = group_of(*out.point);
    auto found = spreads.find({runtime_of(*out.point), device, group});
    if (found == spreads.end()) {
      std::vector<double> errors;
      for (const HeldOut& other : reference) {
        if (runtime_of(*other.point) != runtime_of(*out.point) || group_of(*other.point) == group) continue;
        if (device.empty() || other.point->device == device) errors.push_back(std::abs(other.log_error()));
      }
      const double spread = errors.empty() ? kUntested : conformal_90(errors);
      found = spreads.emplace(std::tuple(runtime_of(*out.point), device, group), spread).first;
    }
    inside += std::abs(out.log_error()) <= (out.spread > 0 ? out.spread : found->second);
  }
  return tested.empty() ? 0 : inside / static_cast<double>(tested.size());
}

std::vector<size_t> contradictions(const Points& all) {
  using Place = std::pair<Runtime, std::string>;
  std::map<Place, int64_t> counts;
  for (const FitPoint& point : all) ++counts[{runtime_of(point), point.device}];
  Points rest = all;
  std::vector<size_t> places(all.size()), found;
  std::iota(places.begin(), places.end(), size_t{0});
  // The worst of a device and runtime first: what is wrong makes others seem so. A tenth at most.
  while (found.size() * 10 < all.size()) {
    std::map<Place, std::pair<double, size_t>> worst;
    for (const HeldOut& out : leave_one_model_out(rest)) {
      const Place place{runtime_of(*out.point), out.point->device};
      const double off = std::abs(out.log_error());
      if (counts[place] < kOwnInterval || off <= kContradiction || off <= worst[place].first) continue;
      worst[place] = {off, static_cast<size_t>(out.point - rest.data())};
    }
    std::vector<size_t> gone;
    for (const auto& [place, one] : worst) {
      if (one.first > 0) gone.push_back(one.second);
    }
    if (gone.empty()) break;
    std::ranges::sort(gone, std::greater());
    for (const size_t i : gone) {
      found.push_back(places[i]);
      rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(i));
      places.erase(places.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
  // And what only seemed so beside the wrong ones is taken back.
  std::erase_if(found, [&](size_t i) {
    const Points others = only(rest, [&](const FitPoint& p) {
      return runtime_of(p) == runtime_of(all[i]) && model_group(p) != model_group(all[i]);
    });
    if (others.empty()) return false;
    const HeldOut again{&all[i], latency_of(all[i].terms, fit_device(others, all[i].device)), 0};
    return std::abs(again.log_error()) <= kContradiction;
  });
  std::ranges::sort(found);
  return found;
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
    summary.within_20 += (sizes.back() <= 0.2) / static_cast<double>(relative_errors.size());
  }
  std::ranges::sort(sizes);
  const size_t half = sizes.size() / 2;
  summary.median = sizes.size() % 2 ? sizes[half] : (sizes[half - 1] + sizes[half]) / 2;
  summary.max = sizes.back();
  summary.log_90 = conformal_90(logs);
  return summary;
}

std::vector<RuntimeFit> fit_devices(const Points& all) {
  std::vector<RuntimeFit> fits;
  for (const auto& [runtime, points] : by_runtime(all)) {
    for (const std::string& device : groups_of(points, device_of)) {
      fits.push_back(runtime_fit(points, device, fit_device(points, device), kUntested));
    }
  }
  return fits;
}

std::vector<RuntimeFit> fit_all(const Points& all, const std::vector<RuntimeFit>& others) {
  const std::vector<HeldOut> models = leave_one_model_out(all), devices = leave_one_device_out(all);
  std::vector<RuntimeFit> fits;
  for (const auto& [runtime, points] : by_runtime(all)) {
    const ErrorSummary model_errors = summarize(errors_of(models, runtime, ""));
    const ErrorSummary device_errors = summarize(errors_of(devices, runtime, ""));
    // A runtime of one device, or one model, was never tested so: the other errors are the least that can be said.
    const double unseen_device =
        std::max({device_errors.log_90, model_errors.log_90, device_errors.points > 0 ? 0 : kUntested});
    fits.push_back(runtime_fit(points, "", fit_runtime(points), unseen_device));
    for (const std::string& device : groups_of(points, device_of)) {
      const Points own = only(points, [&](const FitPoint& p) { return p.device == device; });
      if (own.size() < kOwnInterval && !others.empty()) {
        const NewDeviceFit started = fit_new_device(own, others);
        fits.push_back(runtime_fit(points, device, started.factors, started.error));
        continue;
      }
      const ErrorSummary errors = summarize(errors_of(models, runtime, device));
      const double unseen_model = errors.points >= kOwnInterval ? errors.log_90
                                  : errors.points > 0           ? std::max(errors.log_90, model_errors.log_90)
                                                                : unseen_device;
      fits.push_back(runtime_fit(points, device, fit_device(points, device), unseen_model));
    }
  }
  return fits;
}

}  // namespace quench::devices
