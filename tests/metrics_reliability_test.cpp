// Expected calibration error.
#include <gtest/gtest.h>

#include "core/error.h"
#include "metrics/reliability.h"

namespace quench::metrics {
namespace {

TEST(Reliability, AClosedForm) {
  // Two bins: {.2, .4} with one right of two, {.6, .8, 1} with one right of three.
  const std::vector<double> confidences{0.2, 0.4, 0.6, 0.8, 1.0};
  const std::vector<uint8_t> right{1, 0, 0, 0, 1};
  const Reliability reliability = metrics::reliability(confidences, right, 2);
  ASSERT_EQ(reliability.bins.size(), 2u);
  EXPECT_EQ(reliability.bins[0].count, 2);
  EXPECT_DOUBLE_EQ(*reliability.bins[0].confidence, 0.3);
  EXPECT_DOUBLE_EQ(*reliability.bins[0].accuracy, 0.5);
  EXPECT_DOUBLE_EQ(*reliability.bins[1].confidence, 0.8);
  EXPECT_DOUBLE_EQ(*reliability.bins[1].accuracy, 1. / 3);
  EXPECT_NEAR(*reliability.expected_error, 0.4 * 0.2 + 0.6 * (0.8 - 1. / 3), 1e-12);
}

TEST(Reliability, BoundsBelongToTheLowerBin) {
  const Reliability reliability =
      metrics::reliability(std::vector<double>{0, 0.5, 1}, std::vector<uint8_t>{0, 0, 0}, 2);
  EXPECT_EQ(reliability.bins[0].count, 2);
  EXPECT_EQ(reliability.bins[1].count, 1);
}

TEST(Reliability, PerfectIsZeroAndSureAndWrongIsOne) {
  EXPECT_EQ(*metrics::reliability(std::vector<double>{1, 1}, std::vector<uint8_t>{1, 1}).expected_error, 0);
  EXPECT_EQ(*metrics::reliability(std::vector<double>{1, 1}, std::vector<uint8_t>{0, 0}).expected_error, 1);
}

TEST(Reliability, NothingIsNoFigure) {
  const Reliability none = metrics::reliability({}, {});
  EXPECT_FALSE(none.expected_error);
  EXPECT_FALSE(none.bins[0].accuracy);
  EXPECT_THROW(metrics::reliability(std::vector<double>{2}, std::vector<uint8_t>{0}), Error);
  EXPECT_THROW(metrics::reliability(std::vector<double>{0.5}, {}), Error);
}

}  // namespace
}  // namespace quench::metrics
