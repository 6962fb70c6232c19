// A device that few latencies are known of: which to measure, and what they make of others' factors.
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <set>

#include "core/error.h"
#include "core/rng.h"
#include "devices/new_device.h"

namespace quench::devices {
namespace {

Factors truth_of(double compute, double outputs) {
  Factors truth{};
  truth[kMacs] = 1;
  truth[kPointwise] = compute;
  truth[kOutputs] = outputs;
  truth[kLayers] = 50;
  return truth;
}

std::vector<FitPoint> points(const std::string& device, const Factors& truth, int count, double noise = 0) {
  std::vector<FitPoint> out;
  Rng rng(5, device);
  for (int m = 0; m < count; ++m) {
    FitPoint point{device, Engine::cpu, "onnxruntime", "m" + std::to_string(m), 320, Precision::fp32, 1, {}, 0};
    const double size = std::exp(4 * rng.uniform());
    for (size_t i = 0; i < kTermCount; ++i) point.terms[i] = 1e5 * size * (0.2 + rng.uniform());
    point.terms[kLayers] = 1e4 * (1 + rng.uniform());
    point.latency_ns = latency_of(point.terms, truth) * std::exp(noise * (rng.uniform() - 0.5));
    out.push_back(point);
  }
  return out;
}

RuntimeFit entry(const std::string& device, const std::string& runtime, const Factors& factors) {
  return {device, Engine::cpu, runtime, factors, 0.1, 100, {"fp32"}};
}

double worst(const std::vector<FitPoint>& all, const Factors& factors) {
  double most = 0;
  for (const FitPoint& point : all) {
    most = std::max(most, std::abs(latency_of(point.terms, factors) / point.latency_ns - 1));
  }
  return most;
}

// A device that is another one at half the speed is known from three latencies.
TEST(NewDevice, StartsFromAnotherAtItsOwnSpeed) {
  const Factors truth = truth_of(5, 12);
  Factors faster = truth;
  for (double& factor : faster) factor /= 2;
  const std::vector<FitPoint> all = points("new", truth, 60);
  const std::vector<FitPoint> known(all.begin(), all.begin() + 3);
  const NewDeviceFit fit = fit_new_device(known, {entry("other", "onnxruntime", faster)});
  EXPECT_LT(worst(all, fit.factors), 0.02);
  EXPECT_DOUBLE_EQ(fit.error, 0.1);  // met exactly, which three latencies do not make sure
}

TEST(NewDevice, TakesTheStartThatForecastsBest) {
  const Factors truth = truth_of(5, 12);
  const std::vector<FitPoint> all = points("new", truth, 60);
  const std::vector<FitPoint> known(all.begin(), all.begin() + 5);
  const RuntimeFit near = entry("a", "tflite", truth_of(4.5, 13)), far = entry("b", "onnxruntime", truth_of(40, 0));
  const double chosen = worst(all, fit_new_device(known, {far, near}).factors);
  EXPECT_LT(chosen, worst(all, fit_new_device(known, {far}).factors));
  EXPECT_LT(chosen, 0.1);
}

TEST(NewDevice, OneLatencyCannotTellHowFarItIsOff) {
  const std::vector<FitPoint> all = points("new", truth_of(5, 12), 1);
  EXPECT_DOUBLE_EQ(fit_new_device(all, {entry("other", "onnxruntime", truth_of(9, 2))}).error, kUntested);
  EXPECT_DOUBLE_EQ(fit_new_device(all, {}).error, kUntested);
  EXPECT_THROW(fit_new_device({}, {}), Error);
}

// A user's few latencies start from the others' factors; those of devices that have many stay as they are.
TEST(NewDevice, IsFittedSoByTheCommandsFit) {
  const Factors truth = truth_of(5, 12);
  std::vector<FitPoint> all = points("old", truth_of(3, 9), 60, 0.1);
  const std::vector<RuntimeFit> before = fit_all(all);
  const std::vector<FitPoint> known = points("new", truth, 4);
  all.insert(all.end(), known.begin(), known.end());
  const std::vector<RuntimeFit> fits = fit_all(all, {entry("other", "onnxruntime", truth)});
  ASSERT_EQ(fits.size(), 3u);  // in general, new, old
  EXPECT_EQ(fits[1].device, "new");
  EXPECT_LT(worst(points("new", truth, 60), fits[1].factors), 0.05);
  EXPECT_EQ(before.back().device, fits[2].device);
  EXPECT_EQ(fits[2].anchors, 60);
}

double determinant(std::vector<std::vector<double>> a) {
  double product = 1;
  for (size_t k = 0; k < a.size(); ++k) {
    size_t pivot = k;
    for (size_t i = k; i < a.size(); ++i) {
      if (std::abs(a[i][k]) > std::abs(a[pivot][k])) pivot = i;
    }
    if (pivot != k) product = -product;
    std::swap(a[k], a[pivot]);
    product *= a[k][k];
    for (size_t i = k + 1; i < a.size(); ++i) {
      for (size_t j = a.size(); j-- > k;) a[i][j] -= a[i][k] / a[k][k] * a[k][j];
    }
  }
  return product;
}

// Brute force: of all that could be added, none makes the information's determinant larger.
TEST(Plan, EachMeasurementIsTheOneThatTellsMost) {
  Form form;
  form.used[kMacs] = form.used[kOutputs] = true;
  Factors reference{};
  reference[kMacs] = reference[kOutputs] = 1;
  std::vector<Candidate> candidates;
  Rng rng(3, "plan");
  for (int i = 0; i < 12; ++i) {
    Candidate candidate{"m" + std::to_string(i), {}};
    candidate.terms[kMacs] = 1 + 9 * rng.uniform();
    candidate.terms[kOutputs] = 1 + 9 * rng.uniform();
    candidates.push_back(candidate);
  }
  std::vector<std::array<double, 2>> rows;
  std::array<double, 2> square{};
  for (const Candidate& c : candidates) {
    const double sum = c.terms[kMacs] + c.terms[kOutputs];
    rows.push_back({c.terms[kMacs] / sum, c.terms[kOutputs] / sum});
    for (size_t i = 0; i < 2; ++i) square[i] += rows.back()[i] * rows.back()[i] / 12;
  }
  for (auto& row : rows) {
    for (size_t i = 0; i < 2; ++i) row[i] /= std::sqrt(square[i]);
  }
  const std::vector<size_t> chosen = plan_measurements(candidates, form, reference, 4);
  std::vector<std::vector<double>> information{{1e-3, 0}, {0, 1e-3}};
  const auto with = [&](size_t candidate) {
    auto more = information;
    for (size_t i = 0; i < 2; ++i) {
      for (size_t j = 0; j < 2; ++j) more[i][j] += rows[candidate][i] * rows[candidate][j];
    }
    return more;
  };
  std::vector<bool> used(12, false);
  for (const size_t choice : chosen) {
    for (size_t other = 0; other < 12; ++other) {
      if (used[other]) continue;
      EXPECT_GE(determinant(with(choice)), determinant(with(other)) * (1 - 1e-9)) << other;
    }
    information = with(choice);
    used[choice] = true;
  }
}

TEST(Plan, MeasuresEachModelOnceWhileThereAreOthers) {
  std::vector<Candidate> candidates;
  for (int i = 0; i < 8; ++i) {
    Candidate candidate{i < 6 ? "a" : "b", {}};
    candidate.terms[kMacs] = 1 + i;
    candidate.terms[kOutputs] = 1 + i * i;
    candidates.push_back(candidate);
  }
  const std::vector<size_t> two = plan_measurements(candidates, layered_form(Engine::cpu), {}, 2);
  EXPECT_NE(candidates[two[0]].model, candidates[two[1]].model);
  const std::vector<size_t> all = plan_measurements(candidates, layered_form(Engine::cpu), {}, 8);
  EXPECT_EQ(std::set<size_t>(all.begin(), all.end()).size(), 8u);
  EXPECT_THROW(plan_measurements(candidates, layered_form(Engine::cpu), {}, 9), Error);
  EXPECT_THROW(plan_measurements({}, layered_form(Engine::cpu), {}, 1), Error);
}

// Ten latencies of a device among those of another tell the rest of it.
TEST(Plan, TheTrialForecastsWhatWasNotMeasured) {
  std::vector<FitPoint> all = points("a", truth_of(5, 12), 60, 0.04);
  const std::vector<FitPoint> b = points("b", truth_of(4, 15), 60, 0.04);
  all.insert(all.end(), b.begin(), b.end());
  const std::vector<FitPoint> c = points("c", truth_of(4, 15), 12);  // too few for a trial
  all.insert(all.end(), c.begin(), c.end());
  const std::vector<HeldOut> held = new_device_trial(all, 10);
  EXPECT_EQ(held.size(), 100u);
  for (const HeldOut& out : held) {
    EXPECT_LT(std::abs(out.relative()), 0.15);
    EXPECT_GE(out.spread, 0.1);
  }
}

}  // namespace
}  // namespace quench::devices
