#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "core/error.h"
#include "core/rng.h"
#include "metrics/latency.h"

namespace quench::metrics {
namespace {

TEST(Latency, NearestRankOfOneToHundred) {
  std::vector<int64_t> samples(100);
  std::iota(samples.begin(), samples.end(), 1);
  std::ranges::reverse(samples);
  const LatencySummary s = summarize(samples);
  EXPECT_EQ(s.samples, 100);
  EXPECT_EQ(s.min_ns, 1);
  EXPECT_EQ(s.p50_ns, 50);
  EXPECT_EQ(s.p90_ns, 90);
  EXPECT_EQ(s.p99_ns, 99);
  EXPECT_EQ(s.max_ns, 100);
  EXPECT_EQ(s.mean_ns, 51);  // 50.5, rounded
  EXPECT_EQ(s.iqr_ns, 50);
}

// The textbook example of the nearest-rank method: of 15, 20, 35, 40, 50 the 30th, 40th and 50th percentiles are
// 20, 20 and 35; the 90th is 50.
TEST(Latency, NearestRankOfFive) {
  const LatencySummary s = summarize({35, 20, 15, 50, 40});
  EXPECT_EQ(s.p50_ns, 35);
  EXPECT_EQ(s.p90_ns, 50);
  EXPECT_EQ(s.p99_ns, 50);
  EXPECT_EQ(s.iqr_ns, 40 - 20);
}

TEST(Latency, OneSampleIsEverything) {
  const LatencySummary s = summarize({7});
  EXPECT_EQ(s.min_ns, 7);
  EXPECT_EQ(s.p50_ns, 7);
  EXPECT_EQ(s.p99_ns, 7);
  EXPECT_EQ(s.mean_ns, 7);
  EXPECT_EQ(s.iqr_ns, 0);
}

TEST(Latency, OutliersAreKept) {
  std::vector<int64_t> samples(1000, 10);
  samples[17] = 4'000'000'000'000'000'000;
  EXPECT_EQ(summarize(samples).max_ns, 4'000'000'000'000'000'000);
  EXPECT_EQ(summarize(samples).p99_ns, 10);
}

TEST(Latency, LawsHoldOnRandomSamples) {
  Rng rng(3, "latency");
  for (int round = 0; round < 50; ++round) {
    std::vector<int64_t> samples(1 + rng.below(300));
    for (int64_t& x : samples) x = static_cast<int64_t>(rng.below(1000));
    const LatencySummary s = summarize(samples);
    EXPECT_LE(s.min_ns, s.p50_ns);
    EXPECT_LE(s.p50_ns, s.p90_ns);
    EXPECT_LE(s.p90_ns, s.p99_ns);
    EXPECT_LE(s.p99_ns, s.max_ns);
    for (const auto& [value, percent] : {std::pair{s.p50_ns, 50}, {s.p90_ns, 90}, {s.p99_ns, 99}}) {
      EXPECT_NE(std::ranges::find(samples, value), samples.end());  // a percentile is a sample
      const auto at_most = std::ranges::count_if(samples, [v = value](int64_t x) { return x <= v; });
      const auto below = std::ranges::count_if(samples, [v = value](int64_t x) { return x < v; });
      EXPECT_GE(100 * at_most, percent * static_cast<int64_t>(samples.size()));
      EXPECT_LT(100 * below, percent * static_cast<int64_t>(samples.size()));
    }
    std::vector<int64_t> shifted = samples;
    for (int64_t& x : shifted) x += 500;
    EXPECT_EQ(summarize(shifted).p90_ns, s.p90_ns + 500);
    EXPECT_EQ(summarize(shifted).iqr_ns, s.iqr_ns);
  }
}

TEST(Rounds, AreMediansOfConsecutiveParts) {
  std::vector<int64_t> samples{5, 1, 3, 20, 10, 30, 300, 200, 100, 400};
  EXPECT_EQ(round_medians(samples, 3), (std::vector<int64_t>{3, 20, 200}));  // 3 + 3 + 4 samples, nearest rank
  EXPECT_EQ(round_medians(samples, 1), (std::vector<int64_t>{20}));
  EXPECT_EQ(round_medians({7, 9}, 3), (std::vector<int64_t>{7, 9})) << "as many as there are samples";
  EXPECT_TRUE(round_medians({}).empty());
  EXPECT_THROW(round_medians(samples, 0), Error);
}

TEST(Rounds, TakeEverySampleOnce) {
  for (const size_t count : {30, 31, 59, 200, 10'194}) {
    std::vector<int64_t> samples(count);
    std::iota(samples.begin(), samples.end(), 0);
    const std::vector<int64_t> medians = round_medians(samples);
    ASSERT_EQ(medians.size(), static_cast<size_t>(kRounds));
    const auto apart = static_cast<int64_t>(count / kRounds);
    for (size_t i = 1; i < medians.size(); ++i) {
      EXPECT_GE(medians[i] - medians[i - 1], apart) << count;
      EXPECT_LE(medians[i] - medians[i - 1], apart + 1) << count;
    }
  }
}

TEST(Latency, NoSamplesIsAnError) {
  try {
    summarize({});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::internal);
  }
}

}  // namespace
}  // namespace quench::metrics
