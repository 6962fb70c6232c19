// Ratios of paired rounds: closed forms, and how often intervals hold a truth that is known.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "core/error.h"
#include "core/rng.h"
#include "stats/paired_ratio.h"

namespace quench::stats {
namespace {

using Timings = std::vector<std::vector<double>>;

std::vector<double> one_to(int n) {
  std::vector<double> values(static_cast<size_t>(n));
  std::iota(values.begin(), values.end(), 1.0);
  return values;
}

TEST(PairedRatio, HasTheOrderStatisticsOfTheTables) {
  // Ranks of the 95 % interval of a median: n = 6: 1 and 6; 10: 2 and 9; 20: 6 and 15; 30: 10 and 21 (any table of the
  // sign test: 1, 2, 6 and 10 less one are the critical values 0, 1, 5 and 9 at two-sided 5 %).
  const int expected[][3] = {{6, 1, 6}, {10, 2, 9}, {20, 6, 15}, {30, 10, 21}};
  for (const auto& [n, low, high] : expected) {
    const Estimate estimate = paired_ratio(Timings{one_to(n)});
    EXPECT_EQ(estimate.value, (n + 1) / 2.0);
    EXPECT_EQ(estimate.low, low) << n;
    EXPECT_EQ(estimate.high, high) << n;
    EXPECT_EQ(estimate.seeds, 1);
  }
}

TEST(PairedRatio, FewRoundsHaveNoInterval) {
  const Estimate estimate = paired_ratio(Timings{{3, 1, 2, 4, 5}});
  EXPECT_EQ(estimate.value, 3);
  EXPECT_TRUE(std::isnan(estimate.low) && std::isnan(estimate.high));
  EXPECT_EQ(estimate.p, 1);
}

TEST(PairedRatio, TheSignTestIsACoin) {
  // Eight of ten below 1: 2 (1 + 10 + 45) / 1024. Ratios of 1 do not count.
  const std::vector<double> ratios{0.5, 0.6, 0.7, 0.8, 0.9, 0.9, 0.9, 0.95, 1.1, 1.2};
  EXPECT_NEAR(paired_ratio(Timings{ratios}).p, 2 * 56 / 1024.0, 1e-12);
  std::vector<double> with_ties = ratios;
  with_ties.insert(with_ties.end(), 5, 1.0);
  EXPECT_NEAR(paired_ratio(Timings{with_ties}).p, 2 * 56 / 1024.0, 1e-12);
  EXPECT_EQ(paired_ratio(Timings{std::vector<double>(12, 1.0)}).p, 1);
}

TEST(PairedRatio, ASlowRoundHitsBothAndOneWildRoundNothing) {
  Rng rng(3, "rounds");
  std::vector<double> ratios;
  for (int round = 0; round < 30; ++round) {
    const double slow = round < 10 ? 3 : 1;  // of the machine
    const double of = 0.36 * slow * (1 + 0.01 * rng.normal()), against = slow * (1 + 0.01 * rng.normal());
    ratios.push_back(of / against);
  }
  ratios[7] = 50;
  const Estimate estimate = paired_ratio(Timings{ratios});
  EXPECT_NEAR(estimate.value, 0.36, 0.005);
  EXPECT_GT(estimate.low, 0.35);
  EXPECT_LT(estimate.high, 0.37);
  EXPECT_LT(estimate.p, 1e-6);
}

TEST(PairedRatio, SeveralTimingsHaveStudentsInterval) {
  // Medians e^0.1, e^0.2, e^0.6; mean of the logarithms 0.3, deviation sqrt(0.07).
  const Estimate estimate =
      paired_ratio(Timings{{std::exp(0.1)}, {std::exp(0.2), std::exp(0.2), 9}, {std::exp(0.6), std::exp(0.6)}});
  EXPECT_NEAR(estimate.value, std::exp(0.3), 1e-12);
  const double reach = 4.302653 * std::sqrt(0.07 / 3);
  EXPECT_NEAR(estimate.low, std::exp(0.3 - reach), 1e-6);
  EXPECT_NEAR(estimate.high, std::exp(0.3 + reach), 1e-6);
  EXPECT_EQ(estimate.seeds, 3);
  // Two degrees of freedom: t = 0.3 / sqrt(0.07 / 3), p = 1 - t / sqrt(2 + t^2).
  const double t = 0.3 / std::sqrt(0.07 / 3);
  EXPECT_NEAR(estimate.p, 1 - t / std::sqrt(2 + t * t), 1e-9);
}

TEST(PairedRatio, EqualModelsAreFoundToDifferInFivePercentAtMost) {
  // 20,000 timings of two models that take as long, of rounds with heavy tails (Cauchy's): whatever the distribution.
  constexpr int kTimings = 20'000;
  int found = 0, held = 0;
  for (uint64_t seed = 0; seed < kTimings; ++seed) {
    Rng rng(seed, "ratio");
    std::vector<double> ratios;
    for (int round = 0; round < 30; ++round) {
      ratios.push_back(std::exp(std::clamp(0.01 * std::tan(M_PI * (rng.uniform() - 0.5)), -50.0, 50.0)));
    }
    const Estimate estimate = paired_ratio(Timings{ratios});
    found += estimate.p <= 0.05;
    held += estimate.low <= 1 && 1 <= estimate.high;
  }
  EXPECT_LE(found, kTimings * 5 / 100);  // of 30 rounds the level is 4.28 %, which chance moves by 0.14 points
  EXPECT_GE(held, kTimings * 95 / 100);
}

TEST(PairedRatio, WhatHasNoRatioIsRefused) {
  EXPECT_THROW(paired_ratio({}), Error);
  EXPECT_THROW(paired_ratio(Timings{{}}), Error);
  EXPECT_THROW(paired_ratio(Timings{{1, 0}}), Error);
  EXPECT_THROW(paired_ratio(Timings{{1, std::nan("")}}), Error);
}

}  // namespace
}  // namespace quench::stats
