// Student's t and Holm's adjustment against published values and their laws.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "core/error.h"
#include "stats/holm.h"
#include "stats/student.h"

namespace quench::stats {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

TEST(Student, QuantilesOfTheTables) {
  // The table of critical values that every textbook has (two-sided 95 %), rounded to its last digit.
  EXPECT_NEAR(student_quantile(0.975, 1), 12.706, 5e-4);
  EXPECT_NEAR(student_quantile(0.975, 2), 4.303, 5e-4);
  EXPECT_NEAR(student_quantile(0.975, 5), 2.571, 5e-4);
  EXPECT_NEAR(student_quantile(0.975, 30), 2.042, 5e-4);
  EXPECT_NEAR(student_quantile(0.975, kInfinity), 1.960, 5e-4);
  EXPECT_NEAR(student_quantile(0.995, 10), 3.169, 5e-4);
}

TEST(Student, ClosedFormsOfOneAndTwoDegrees) {
  for (const double t : {-30.0, -2.0, -0.1, 0.0, 0.7, 5.0}) {
    EXPECT_NEAR(student_cdf(t, 1), 0.5 + std::atan(t) / M_PI, 1e-12) << t;  // Cauchy's
    EXPECT_NEAR(student_cdf(t, 2), 0.5 + t / (2 * std::sqrt(2 + t * t)), 1e-12) << t;
  }
}

TEST(Student, TheQuantileInvertsTheDistribution) {
  for (const double freedom : {0.7, 1.0, 2.5, 9.0, 250.0, 1e9}) {
    for (const double p : {0.001, 0.2, 0.5, 0.975}) {
      EXPECT_NEAR(student_cdf(student_quantile(p, freedom), freedom), p, 1e-10) << p << " " << freedom;
    }
  }
  EXPECT_THROW(student_cdf(1, 0), Error);
  EXPECT_THROW(student_quantile(1, 3), Error);
}

TEST(Holm, AdjustsAsPublishedByRank) {
  // Four p values; the smallest times 4, the next times 3, ... never less than one before.
  const std::vector<double> adjusted = holm(std::vector<double>{0.01, 0.04, 0.03, 0.005});
  EXPECT_NEAR(adjusted[3], 0.02, 1e-15);
  EXPECT_NEAR(adjusted[0], 0.03, 1e-15);
  EXPECT_NEAR(adjusted[2], 0.06, 1e-15);
  EXPECT_NEAR(adjusted[1], 0.06, 1e-15);
}

TEST(Holm, WhatIsNotKnownDoesNotCount) {
  const std::vector<double> adjusted = holm(std::vector<double>{0.02, kNan, 0.9});
  EXPECT_NEAR(adjusted[0], 0.04, 1e-15);
  EXPECT_TRUE(std::isnan(adjusted[1]));
  EXPECT_NEAR(adjusted[2], 0.9, 1e-15);
  EXPECT_TRUE(holm({}).empty());
  EXPECT_EQ(holm(std::vector<double>{0.7, 0.8})[0], 1);  // 1.4 is no probability
}

}  // namespace
}  // namespace quench::stats
