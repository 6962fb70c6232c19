#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "core/rng.h"
#include "devices/fit.h"

namespace quench::devices {
namespace {

constexpr Factors kTrue{1.5, 0, 1.3, 2.1};

/// Models of seeded sizes on devices whose factors are `kTrue` times the device's own, with noise.
std::vector<FitPoint> points(int devices, int models, double noise, double device_spread = 0) {
  std::vector<FitPoint> out;
  Rng rng(7, "fit test");
  for (int d = 0; d < devices; ++d) {
    const double own = std::exp(device_spread * (d - (devices - 1) / 2.0));
    for (int m = 0; m < models; ++m) {
      FitPoint point{"d" + std::to_string(d), Engine::gpu, "tensorrt", "m" + std::to_string(m), 640, Precision::fp16,
                     1 + rng.uniform() * 50,  {},          0};
      point.terms = {1e6 / (1 + d), 0, 1e5 * (1 + 30 * rng.uniform()), 1e5 * (1 + 20 * rng.uniform())};
      point.latency_ns = latency_of(point.terms, kTrue) * own * std::exp(noise * (rng.uniform() - 0.5));
      out.push_back(point);
    }
  }
  return out;
}

double loss(const std::vector<FitPoint>& all, const Factors& factors) {
  double sum = 0;
  for (const FitPoint& point : all) sum += std::pow(latency_of(point.terms, factors) / point.latency_ns - 1, 2);
  return sum;
}

TEST(Fit, FindsTheFactorsThatMadeTheLatencies) {
  const std::vector<FitPoint> all = points(2, 6, 0);
  const Factors found = fit_factors(all, std::vector<double>(all.size(), 1), coarse_form(Engine::gpu), nullptr);
  for (size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i], kTrue[i], 1e-6) << i;
}

// Laws: nothing negative, and no feasible step in any direction is better.
TEST(Fit, IsTheBestThatIsNotNegative) {
  for (const double noise : {0.2, 1.0, 3.0}) {
    const std::vector<FitPoint> all = points(3, 5, noise);
    const Factors found = fit_factors(all, std::vector<double>(all.size(), 1), coarse_form(Engine::gpu), nullptr);
    const double least = loss(all, found);
    for (size_t i = 0; i < found.size(); ++i) {
      EXPECT_GE(found[i], 0);
      if (i == kPositions) {
        EXPECT_EQ(found[i], 0);  // not fitted on GPUs
        continue;
      }
      for (const double step : {-0.01, 0.01}) {
        Factors other = found;
        other[i] = std::max(0.0, other[i] + step);
        EXPECT_GE(loss(all, other), least - 1e-12) << noise << " " << i << " " << step;
      }
    }
  }
}

TEST(Fit, ClipsAFactorThatWouldBeNegative) {
  std::vector<FitPoint> all = points(1, 6, 0);
  for (FitPoint& point : all) point.latency_ns = 2 * point.terms[kCompute] - 0.2 * point.terms[kMemory];
  std::erase_if(all, [](const FitPoint& point) { return point.latency_ns <= 0; });
  ASSERT_GE(all.size(), 4u);
  const Factors found = fit_factors(all, std::vector<double>(all.size(), 1), coarse_form(Engine::gpu), nullptr);
  EXPECT_EQ(found[kMemory], 0);
  EXPECT_GT(found[kCompute], 1);
}

TEST(Fit, APriorSettlesWhatOnePointCannotTell) {
  const std::vector<FitPoint> all = points(1, 1, 0);
  const Factors prior{1, 0, 1, 1};
  const Prior weak{prior, 0.1, false}, firm{prior, 1e6, false};
  const Factors found = fit_factors(all, {1}, coarse_form(Engine::gpu), &weak);
  EXPECT_NEAR(latency_of(all[0].terms, found), all[0].latency_ns, 0.05 * all[0].latency_ns);
  for (const size_t i : {kFixed, kCompute, kMemory}) EXPECT_GT(found[i], 0.5) << i;
  const Factors strong = fit_factors(all, {1}, coarse_form(Engine::gpu), &firm);
  for (size_t i = 0; i < strong.size(); ++i) EXPECT_NEAR(strong[i], prior[i], 1e-6);
}

TEST(Fit, CpusHavePositionsAndNoFixedCost) {
  std::vector<FitPoint> all = points(1, 8, 0);
  for (FitPoint& point : all) {
    point.engine = Engine::cpu;
    point.terms[kPositions] = point.terms[kCompute] / point.terms[kMemory] * 1e5;
    point.latency_ns = 3 * point.terms[kPositions] + point.terms[kCompute];
  }
  const Factors found = fit_factors(all, std::vector<double>(all.size(), 1), coarse_form(Engine::cpu), nullptr);
  EXPECT_EQ(found[kFixed], 0);
  EXPECT_NEAR(found[kPositions], 3, 1e-6);
  EXPECT_NEAR(found[kCompute], 1, 1e-6);
}

/// Latencies of many models on a CPU whose factors are `factors`: terms of each layer form are seeded.
std::vector<FitPoint> layered_points(const std::string& device, const Factors& factors, int models, double noise = 0) {
  std::vector<FitPoint> out;
  Rng rng(11, device);
  for (int m = 0; m < models; ++m) {
    FitPoint point{device, Engine::cpu, "onnxruntime", "m" + std::to_string(m), 320, Precision::fp32, 1, {}, 0};
    for (size_t i = 0; i < kTermCount; ++i) point.terms[i] = 1e6 * rng.uniform();
    point.latency_ns = latency_of(point.terms, factors) * std::exp(noise * (rng.uniform() - 0.5));
    out.push_back(point);
  }
  return out;
}

Factors layered_truth() {
  Factors truth{};
  truth[kMacs] = 1.5;
  truth[kPointwise] = 4;
  truth[kOutputs] = 9;
  truth[kLayers] = 60;
  truth[kMemory] = 2;
  return truth;
}

TEST(Fit, FindsTheFactorsOfTheFormByLayers) {
  const std::vector<FitPoint> all = layered_points("d", layered_truth(), 40);
  const Factors found = fit_factors(all, std::vector<double>(all.size(), 1), layered_form(Engine::cpu), nullptr);
  for (size_t i = 0; i < kTermCount; ++i) EXPECT_NEAR(found[i], layered_truth()[i], 1e-5) << kTermNames[i];
  EXPECT_TRUE(is_layered(found));
  EXPECT_FALSE(is_layered(kTrue));
}

// No engine beats the peak: where latencies say so, the factor stays at 1 and the others make the best of it.
TEST(Fit, KeepsAFactorAtItsLeast) {
  Factors truth = layered_truth();
  truth[kMacs] = 0.2;
  const std::vector<FitPoint> all = layered_points("d", truth, 40);
  const Factors found = fit_factors(all, std::vector<double>(all.size(), 1), layered_form(Engine::cpu), nullptr);
  EXPECT_DOUBLE_EQ(found[kMacs], 1);
  const double least = loss(all, found);
  for (size_t i = 0; i < kTermCount; ++i) {
    for (const double step : {-0.05, 0.05}) {
      Factors other = found;
      if (!layered_form(Engine::cpu).used[i]) continue;
      other[i] = std::max(i == kMacs ? 1.0 : 0.0, other[i] + step);
      EXPECT_GE(loss(all, other), least - 1e-12) << kTermNames[i];
    }
  }
}

TEST(Fit, SixModelsGiveTheFormByLayers) {
  EXPECT_TRUE(is_layered(fit_all(layered_points("d", layered_truth(), 40)).back().factors));
  std::vector<FitPoint> five = layered_points("d", layered_truth(), 40);
  for (size_t i = 0; i < five.size(); ++i) five[i].model = "m" + std::to_string(i % 5);
  EXPECT_FALSE(is_layered(fit_all(five).back().factors));
}

TEST(Fit, NoPointsAreAnError) {
  EXPECT_THROW(fit_factors({}, {}, coarse_form(Engine::gpu), nullptr), Error);
  EXPECT_TRUE(fit_all({}).empty());
}

TEST(CrossValidation, ExactLatenciesAreForecastExactly) {
  const std::vector<FitPoint> all = points(3, 4, 0);
  const std::vector<HeldOut> models = leave_one_model_out(all), devices = leave_one_device_out(all);
  EXPECT_EQ(models.size(), all.size());
  EXPECT_EQ(devices.size(), all.size());
  for (const HeldOut& out : models) EXPECT_NEAR(out.relative(), 0, 1e-6);
  for (const HeldOut& out : devices) EXPECT_NEAR(out.relative(), 0, 1e-6);
}

// A device that differs from the others is off by that difference when it is left out, and not when its models are.
TEST(CrossValidation, LeavesOutWhatItSays) {
  const std::vector<FitPoint> all = points(2, 5, 0, 0.3);
  for (const HeldOut& out : leave_one_device_out(all)) {
    EXPECT_NEAR(std::abs(std::log(out.forecast_ns / out.point->latency_ns)), 0.3, 1e-6);
  }
  // Drawn to the mean of both devices, 0.15 away, by the ridge: half of it remains at worst.
  for (const HeldOut& out : leave_one_model_out(all)) EXPECT_LT(std::abs(out.relative()), 0.1);
}

TEST(CrossValidation, AnOnlyDeviceOrModelIsLeftOutOfTheResult) {
  EXPECT_TRUE(leave_one_device_out(points(1, 4, 0)).empty());
  EXPECT_TRUE(leave_one_model_out(points(3, 1, 0)).empty());
  const std::vector<RuntimeFit> fits = fit_all(points(1, 4, 0.3));
  ASSERT_EQ(fits.size(), 2u);  // any device, and d0
  EXPECT_EQ(fits[0].device, "");
  EXPECT_GT(fits[0].error, 0);
  EXPECT_EQ(fits[1].anchors, 4);
  EXPECT_EQ(fits[1].precisions, std::vector<std::string>{"fp16"});
}

// One latency is met exactly by what is fitted to it: that tells nothing of others.
TEST(CrossValidation, WhatCouldNotBeTestedIsNotTakenAsExact) {
  for (const RuntimeFit& fit : fit_all(points(1, 1, 0))) EXPECT_DOUBLE_EQ(fit.error, std::log(2)) << fit.device;
  const std::vector<RuntimeFit> one_device = fit_all(points(1, 4, 0));
  EXPECT_DOUBLE_EQ(one_device[0].error, std::log(2));  // no other device
  EXPECT_LT(one_device[1].error, 1e-6);                // its models were left out in turn, and met
  for (const RuntimeFit& fit : fit_all(points(3, 4, 0))) EXPECT_LT(fit.error, 1e-6) << fit.device;
}

TEST(CrossValidation, RuntimesAreApart) {
  std::vector<FitPoint> all = points(2, 4, 0);
  std::vector<FitPoint> slow = all;
  for (FitPoint& point : slow) {
    point.runtime = "other";
    point.latency_ns *= 10;
  }
  all.insert(all.end(), slow.begin(), slow.end());
  for (const HeldOut& out : leave_one_device_out(all)) EXPECT_NEAR(out.relative(), 0, 1e-6);
  EXPECT_EQ(fit_all(all).size(), 6u);
}

TEST(CrossValidation, ModelsOfOtherSizesAndNamesAreLeftOutTogether) {
  std::vector<FitPoint> all = points(1, 5, 0);
  all[0].scaled = all[1].scaled = "yolov8:d0.33w0.25";
  all[1].latency_ns *= 3;  // would be seen by a fit for the other
  for (const HeldOut& out : leave_one_model_out(all)) {
    if (out.point == &all[0]) {
      EXPECT_NEAR(out.relative(), 0, 1e-6);
    }
  }
  const auto by_device = [](const FitPoint& p) { return p.device; };
  EXPECT_TRUE(leave_one_out(all, by_device).empty());  // one group: nothing is left to fit from
}

TEST(CrossValidation, TheIntervalHoldsWhatItSays) {
  const std::vector<FitPoint> all = layered_points("d", layered_truth(), 300, 0.6);
  const std::vector<HeldOut> held = leave_one_model_out(all);
  EXPECT_NEAR(covered(held, held, model_group, true), 0.9, 0.03);
  EXPECT_NEAR(fit_all(all).back().error, 0.27, 0.04);  // 90 % of a uniform error from -0.3 to 0.3
}

TEST(CrossValidation, WhatManyContradictIsFound) {
  std::vector<FitPoint> all = layered_points("d", layered_truth(), 40, 0.1);
  EXPECT_TRUE(contradictions(all).empty());
  all[7].latency_ns *= 2;
  all[31].latency_ns /= 2;
  EXPECT_EQ(contradictions(all), (std::vector<size_t>{7, 31}));
  std::vector<FitPoint> few = layered_points("d", layered_truth(), 20, 0.1);
  few[7].latency_ns *= 2;
  EXPECT_TRUE(contradictions(few).empty());  // too few to say which is wrong
}

TEST(Errors, TheNinetiethPercentIsOfTheNext) {
  EXPECT_EQ(conformal_90({}), 0);
  EXPECT_EQ(conformal_90({3}), 3);
  std::vector<double> values;
  for (int i = 1; i <= 19; ++i) values.push_back(i);
  EXPECT_EQ(conformal_90(values), 18);  // ceil(0.9 x 20)
  values.resize(8);
  EXPECT_EQ(conformal_90(values), 8);  // ceil(0.9 x 9) is 9: the largest
}

TEST(Errors, AreSummarized) {
  const ErrorSummary summary = summarize({-0.5, 0.1, 0.2, -0.3});
  EXPECT_EQ(summary.points, 4);
  EXPECT_DOUBLE_EQ(summary.median, 0.25);
  EXPECT_DOUBLE_EQ(summary.mean, 0.275);
  EXPECT_DOUBLE_EQ(summary.max, 0.5);
  EXPECT_DOUBLE_EQ(summary.log_90, std::log(2));
  EXPECT_DOUBLE_EQ(summary.within_20, 0.5);
  EXPECT_DOUBLE_EQ(summarize({0.3, -0.1, 0.2}).median, 0.2);
  EXPECT_EQ(summarize({}).points, 0);
}

}  // namespace
}  // namespace quench::devices
