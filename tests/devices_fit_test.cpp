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
  const Factors found = fit_factors(all, std::vector<double>(all.size(), 1), Engine::gpu, nullptr, 0);
  for (size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i], kTrue[i], 1e-6) << i;
}

// Laws: nothing negative, and no feasible step in any direction is better.
TEST(Fit, IsTheBestThatIsNotNegative) {
  for (const double noise : {0.2, 1.0, 3.0}) {
    const std::vector<FitPoint> all = points(3, 5, noise);
    const Factors found = fit_factors(all, std::vector<double>(all.size(), 1), Engine::gpu, nullptr, 0);
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
  const Factors found = fit_factors(all, std::vector<double>(all.size(), 1), Engine::gpu, nullptr, 0);
  EXPECT_EQ(found[kMemory], 0);
  EXPECT_GT(found[kCompute], 1);
}

TEST(Fit, APriorSettlesWhatOnePointCannotTell) {
  const std::vector<FitPoint> all = points(1, 1, 0);
  const Factors prior{1, 0, 1, 1};
  const Factors found = fit_factors(all, {1}, Engine::gpu, &prior, 0.1);
  EXPECT_NEAR(latency_of(all[0].terms, found), all[0].latency_ns, 0.05 * all[0].latency_ns);
  for (const size_t i : {kFixed, kCompute, kMemory}) EXPECT_GT(found[i], 0.5) << i;
  const Factors strong = fit_factors(all, {1}, Engine::gpu, &prior, 1e6);
  for (size_t i = 0; i < strong.size(); ++i) EXPECT_NEAR(strong[i], prior[i], 1e-6);
}

TEST(Fit, CpusHavePositionsAndNoFixedCost) {
  std::vector<FitPoint> all = points(1, 8, 0);
  for (FitPoint& point : all) {
    point.engine = Engine::cpu;
    point.terms[kPositions] = point.terms[kCompute] / point.terms[kMemory] * 1e5;
    point.latency_ns = 3 * point.terms[kPositions] + point.terms[kCompute];
  }
  const Factors found = fit_factors(all, std::vector<double>(all.size(), 1), Engine::cpu, nullptr, 0);
  EXPECT_EQ(found[kFixed], 0);
  EXPECT_NEAR(found[kPositions], 3, 1e-6);
  EXPECT_NEAR(found[kCompute], 1, 1e-6);
}

TEST(Fit, NoPointsAreAnError) {
  EXPECT_THROW(fit_factors({}, {}, Engine::gpu, nullptr, 0), Error);
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
  const std::vector<FitPoint> all = points(2, 6, 0, 0.3);
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

TEST(Errors, AreSummarized) {
  const ErrorSummary summary = summarize({-0.5, 0.1, 0.2, -0.3});
  EXPECT_EQ(summary.points, 4);
  EXPECT_DOUBLE_EQ(summary.median, 0.25);
  EXPECT_DOUBLE_EQ(summary.mean, 0.275);
  EXPECT_DOUBLE_EQ(summary.max, 0.5);
  EXPECT_DOUBLE_EQ(summary.log_90, std::log(2));
  EXPECT_DOUBLE_EQ(summarize({0.3, -0.1, 0.2}).median, 0.2);
  EXPECT_EQ(summarize({}).points, 0);
}

}  // namespace
}  // namespace quench::devices
