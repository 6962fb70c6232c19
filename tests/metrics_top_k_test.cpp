#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/error.h"
#include "core/rng.h"
#include "metrics/top_k.h"

namespace quench::metrics {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

TopK of(const std::vector<float>& scores, int64_t classes, const std::vector<int32_t>& labels) {
  TopK top;
  top.add(scores, classes, labels);
  return top;
}

TEST(TopK, CountsByHand) {
  // Ranks of the label: 1, 5, 6.
  const TopK top = of({9, 1, 2, 3, 4, 5,  //
                       1, 2, 3, 4, 5, 6,  //
                       1, 2, 3, 4, 5, 6},
                      6, {0, 1, 0});
  EXPECT_EQ(top.count(), 3);
  EXPECT_DOUBLE_EQ(top.top1(), 1.0 / 3);
  EXPECT_DOUBLE_EQ(top.top5(), 2.0 / 3);
  EXPECT_EQ(top.predictions(), (std::vector<int32_t>{0, 5, 5}));
  EXPECT_EQ(top.invalid(), 0);
}

TEST(TopK, NothingIsZero) {
  const TopK top;
  EXPECT_EQ(top.top1(), 0);
  EXPECT_EQ(top.top5(), 0);
}

TEST(TopK, FewerClassesThanFiveAreAllInTheTopFive) { EXPECT_EQ(of({1, 2, 3}, 3, {0}).top5(), 1); }

TEST(TopK, TiesGoToTheLowerIndex) {
  EXPECT_EQ(of({1, 1}, 2, {0}).top1(), 1);
  EXPECT_EQ(of({1, 1}, 2, {1}).top1(), 0);
  EXPECT_EQ(of({0, 0, 0, 0, 0, 0}, 6, {4}).top5(), 1);
  EXPECT_EQ(of({0, 0, 0, 0, 0, 0}, 6, {5}).top5(), 0);
  EXPECT_EQ(of({0, 3, 3}, 3, {2}).predictions()[0], 1);
}

TEST(TopK, NanRowIsAMissAndCounted) {
  const TopK top = of({1, kNan, 0, 5}, 2, {0, 1});
  EXPECT_EQ(top.count(), 2);
  EXPECT_EQ(top.invalid(), 1);
  EXPECT_DOUBLE_EQ(top.top1(), 0.5);
  EXPECT_DOUBLE_EQ(top.top5(), 0.5);
  EXPECT_EQ(top.predictions(), (std::vector<int32_t>{-1, 1}));
}

TEST(TopK, InfinitiesAreOrderedLikeNumbers) {
  EXPECT_EQ(of({-kInfinity, 0, kInfinity}, 3, {2}).top1(), 1);
  EXPECT_EQ(of({-kInfinity, -kInfinity}, 2, {0}).top1(), 1);
}

TEST(TopK, LawsHoldOnRandomScores) {
  Rng rng(1, "top_k");
  const int64_t n = 200, classes = 12;
  std::vector<float> scores(n * classes);
  std::vector<int32_t> labels(n);
  for (float& x : scores) x = static_cast<float>(rng.normal());
  for (int32_t& x : labels) x = static_cast<int32_t>(rng.below(classes));
  const TopK whole = of(scores, classes, labels);
  EXPECT_GE(whole.top5(), whole.top1());
  EXPECT_DOUBLE_EQ(whole.top1(), agreement(whole.predictions(), labels));

  TopK batches;  // however it is cut into batches
  for (int64_t at = 0; at < n; at += 7) {
    const int64_t count = std::min<int64_t>(7, n - at);
    batches.add(std::span(scores).subspan(at * classes, count * classes), classes,
                std::span(labels).subspan(at, count));
  }
  EXPECT_EQ(batches.predictions(), whole.predictions());
  EXPECT_EQ(batches.top5(), whole.top5());

  std::vector<float> monotone = scores;  // an increasing map of the scores changes nothing
  for (float& x : monotone) x = std::exp(x) * 3 + 1;
  EXPECT_EQ(of(monotone, classes, labels).predictions(), whole.predictions());
  EXPECT_EQ(of(monotone, classes, labels).top5(), whole.top5());
}

TEST(TopK, RefusesWrongSizesAndLabels) {
  TopK top;
  const std::vector<float> scores(6);
  const auto refuses = [&](int64_t classes, std::vector<int32_t> labels) {
    EXPECT_THROW(top.add(scores, classes, labels), Error);
    EXPECT_EQ(top.count(), 0);
  };
  refuses(3, {0, 0, 0});
  refuses(0, {});
  refuses(3, {0, 3});
  refuses(3, {0, -1});
}

// Values from an evaluation of equation (2) of Wilson 1927 in another language; 0.5 of 10 gives the much-quoted
// [0.2366, 0.7634].
TEST(Wilson, KnownIntervals) {
  const Interval half = wilson(0.5, 10);
  EXPECT_NEAR(half.low, 0.2365930905, 1e-9);
  EXPECT_NEAR(half.high, 0.7634069095, 1e-9);
  const Interval cifar = wilson(0.65, 10000);
  EXPECT_NEAR(cifar.low, 0.6405955854, 1e-9);
  EXPECT_NEAR(cifar.high, 0.6592892150, 1e-9);
}

TEST(Wilson, Laws) {
  for (double p : {0.0, 0.1, 0.37, 0.5, 0.99, 1.0}) {
    for (int64_t n : {1, 10, 1000}) {
      const Interval i = wilson(p, n), mirrored = wilson(1 - p, n), more = wilson(p, 4 * n);
      EXPECT_LE(0, i.low);
      EXPECT_LE(i.low, p + 1e-12);
      EXPECT_GE(i.high, p - 1e-12);
      EXPECT_LE(i.high, 1);
      EXPECT_NEAR(i.low, 1 - mirrored.high, 1e-12);
      EXPECT_LT(more.high - more.low, i.high - i.low);
    }
  }
  EXPECT_EQ(wilson(0, 0).low, 0);
  EXPECT_EQ(wilson(0, 0).high, 1);
}

TEST(Agreement, CountsEqualEntries) {
  EXPECT_DOUBLE_EQ(agreement(std::vector<int32_t>{1, 2, 3, 4}, std::vector<int32_t>{1, 0, 3, 0}), 0.5);
  EXPECT_EQ(agreement({}, {}), 1);
  EXPECT_THROW(agreement(std::vector<int32_t>{1}, {}), Error);
}

}  // namespace
}  // namespace quench::metrics
