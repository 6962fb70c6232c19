// What points of charts stand for: artifacts, means over seeds, latencies that compare.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "report/chart.h"
#include "report/chart_points.h"
#include "report/columns.h"
#include "report/report.h"
#include "report_samples.h"

namespace quench::report {
namespace {

using record::Record;

/// fp32, ptq and qat of one model on one runtime, with seeds 0, 1 and 2, each seed timed by itself; every seed is a
/// tenth slower than the one before, and of another accuracy by `apart`.
std::vector<Record> three_seeds(double apart = 0.01) {
  const std::vector<Record> samples = ok_records(sample_records());
  std::vector<Record> rows;
  for (int64_t seed = 0; seed < 3; ++seed) {
    for (const size_t i : {0, 3, 4}) {
      Record row = samples[i];
      row.seed = seed;
      row.cell = "cell" + std::to_string(rows.size());
      row.timing_id = "timing" + std::to_string(seed);
      row.top1 = *row.top1 + apart * static_cast<double>(seed);
      row.latency_p50_ns =
          std::llround(static_cast<double>(*row.latency_p50_ns) * (1 + 0.1 * static_cast<double>(seed)));
      rows.push_back(row);
    }
  }
  return rows;
}

const Chart& chart_of(const std::vector<Chart>& all, const std::string& key) {
  return *std::ranges::find(all, key, &Chart::key);
}

TEST(Charts, SeedsAreOnePointWithTheirMean) {
  const std::vector<Record> rows = three_seeds();
  for (const char* key : {"gflops", "params", "weights_bytes", "latency_p50_ns"}) {
    const auto all = charts(rows, Metric::top1);
    const Chart& chart = chart_of(all, key);
    ASSERT_EQ(chart.points.size(), 3u) << key;
    EXPECT_EQ(chart.points[0].rows, (std::vector<size_t>{0, 3, 6})) << key;
    EXPECT_NEAR(chart.points[0].accuracy, 66.81, 1e-9) << key;
    // Student's t of two degrees of freedom, a deviation of one point over the root of three.
    EXPECT_NEAR(*chart.points[0].high - chart.points[0].accuracy, 4.302652729911275 / std::sqrt(3.0), 1e-6);
    EXPECT_NEAR(chart.points[0].accuracy - *chart.points[0].low, 4.302652729911275 / std::sqrt(3.0), 1e-6);
    ASSERT_EQ(chart.fronts.size(), 1u) << key;
  }
  const auto all = charts(rows, Metric::top1);
  const Chart& latency = chart_of(all, "latency_p50_ns");
  EXPECT_NEAR(latency.points[0].cost, 1.12 * 1.1, 1e-6);
  EXPECT_EQ(latency.fronts[0].groups, (std::vector<size_t>{0, 1, 2}));
  const Json json = chart_json(rows, Metric::top1, all);
  EXPECT_EQ(json["charts"][3]["points"][0]["seeds"], 3);
  EXPECT_EQ(json["charts"][3]["fronts"][0]["name"], "") << "there is no other";
  const std::string page = html(rows, {});
  EXPECT_NE(page.find("Latencies are means over seeds"), std::string::npos);
}

// A slow hour would hit one method and not another.
TEST(Charts, SeedsThatWereTimedWithOtherMethodsStandApart) {
  std::vector<Record> rows = three_seeds();
  rows.erase(rows.begin() + 4);  // ptq of seed 1
  const auto all = charts(rows, Metric::top1);
  const Chart& latency = chart_of(all, "latency_p50_ns");
  ASSERT_EQ(latency.fronts.size(), 2u);
  EXPECT_EQ(latency.fronts[0].groups, (std::vector<size_t>{0, 2}));
  EXPECT_EQ(latency.fronts[1].groups, (std::vector<size_t>{1}));
  EXPECT_EQ(latency.points.size(), 5u);
  EXPECT_EQ(chart_json(rows, Metric::top1, all)["charts"][3]["fronts"][0]["name"], "1+3");
  EXPECT_EQ(chart_of(all, "gflops").points.size(), 3u);
  // One seed timed twice is no second seed.
  std::vector<Record> again = three_seeds();
  for (Record& row : again) row.seed = 0;
  EXPECT_EQ(timed_sets(again, Metric::top1).size(), 3u);
}

TEST(Charts, AnIntervalThatReachesTheFrontIsNearIt) {
  std::vector<Record> rows = ok_records(sample_records());
  rows = {rows[0], rows[3]};  // fp32 and ptq, which is faster
  rows[0].latency_p50_ns = 2000000;
  rows[1].latency_p50_ns = 1000000;
  rows[1].top1 = 0.70;
  rows[0].top1 = 0.69;
  rows[0].top1_low = 0.68;
  for (const auto& [high, near] : {std::pair(0.705, true), {0.70, true}, {0.699, false}}) {
    rows[0].top1_high = high;
    const auto all = charts(rows, Metric::top1);
    const Chart& latency = chart_of(all, "latency_p50_ns");
    ASSERT_EQ(latency.fronts[0].points, std::vector<size_t>{1});
    EXPECT_EQ(latency.points[0].near_front, near) << high;
    EXPECT_FALSE(latency.points[1].near_front) << "it is on it";
  }
}

TEST(Charts, OneCostIsSaid) {
  std::vector<Record> rows = ok_records(sample_records());
  for (Record& row : rows) row.gflops = 0.0292;
  const auto all = charts(rows, Metric::top1);
  EXPECT_EQ(chart_of(all, "gflops").only_cost(), 0.0292);
  EXPECT_FALSE(chart_of(all, "params").only_cost());
  EXPECT_FALSE((Chart{"k", "t", "", {}, {}}.only_cost()));
  EXPECT_NE(html(rows, {}).find("All points cost the same: 0.0292 GFLOPs."), std::string::npos);
}

TEST(Charts, IntervalsOverSeedsAreThoseOfTheFindings) {
  const std::vector<Record> rows = three_seeds();
  MethodComparison comparison;
  comparison.groups = method_groups(rows, Metric::top1);
  for (size_t g = 0; g < comparison.groups.size(); ++g) {
    comparison.means.push_back(stats::Estimate{0.5, 0.4, 0.9, 1, 3, {}});
  }
  const auto all = charts(rows, Metric::top1, &comparison);
  EXPECT_NEAR(*chart_of(all, "gflops").points[0].low, 40, 1e-9);
  EXPECT_NEAR(*chart_of(all, "gflops").points[0].high, 90, 1e-9);
  EXPECT_NEAR(chart_of(all, "gflops").points[0].accuracy, 66.81, 1e-9);
}

}  // namespace
}  // namespace quench::report
