// What points of charts stand for: artifacts, means over seeds, latencies that compare.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <tuple>

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
  const Json json = chart_json(rows, {{Metric::top1, "", all}});
  EXPECT_EQ(json["views"][0]["charts"][3]["points"][0]["seeds"], 3);
  EXPECT_EQ(json["views"][0]["charts"][3]["fronts"][0]["name"], "") << "there is no other";
  const std::string page = html(rows, {});
  EXPECT_NE(page.find("Latencies are means over seeds"), std::string::npos);
}

TEST(Tables, SeedsAreOneRowWithTheirMeanAndDeviation) {
  std::vector<Record> rows = three_seeds();
  Record failed = rows[0];
  failed.status = "failed";
  rows.insert(rows.begin(), failed);
  const SeedMeans means = seed_means(rows, {});
  EXPECT_TRUE(means.any());
  ASSERT_EQ(means.records.size(), 4u);
  EXPECT_EQ(means.records[3].status, "failed");
  EXPECT_EQ(means.seeds, (std::vector<int64_t>{3, 3, 3}));
  EXPECT_NEAR(*means.records[0].top1, *rows[4].top1, 1e-12) << "the second seed's is their mean";
  EXPECT_NEAR(*means.deviations[0], 0.01, 1e-12);
  EXPECT_EQ(means.records[0].gflops, rows[1].gflops) << "equal to the last digit";
  EXPECT_EQ(means.records[0].latency_p50_ns, rows[4].latency_p50_ns);
  EXPECT_FALSE(means.records[0].artifact);
  // Student's t over three seeds: 0.01 4.3027 / sqrt(3).
  EXPECT_NEAR(*means.records[0].top1_high - *means.records[0].top1, 0.024841, 1e-5);
  const std::string csv = csv_table(means.records, {"Method", "Seeds", "Deviation pt"}, &means);
  EXPECT_TRUE(csv.starts_with("Method,Seeds,Deviation pt\r\nfp32,3,1.00\r\n")) << csv;
  rows.erase(rows.begin());
  rows[3].seed = 0;  // two rows of one seed are no seeds of one row
  EXPECT_EQ(seed_means(rows, {}).seeds, (std::vector<int64_t>{1, 1, 1, 3, 3}));
  const std::vector<Record> one(rows.begin(), rows.begin() + 3);
  EXPECT_FALSE(seed_means(one, {}).any());
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
  EXPECT_EQ(chart_json(rows, {{Metric::top1, "", all}})["views"][0]["charts"][3]["fronts"][0]["name"], "1+3");
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
  EXPECT_FALSE((Chart{"k", "t", "", "", {}, {}}.only_cost()));
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

// A reader chooses a runtime and a number of threads: then every artifact is one point, in charts of latency, too.
TEST(Charts, EachPlaceHasAViewOfItsOwn) {
  std::vector<Record> rows;
  for (const auto& [runtime, threads, slower] : {std::tuple{"native", 1, 1}, {"native", 2, 2}, {"onnxruntime", 1, 3}}) {
    for (const Record& of_seed : three_seeds()) {
      Record row = of_seed;
      row.runtime = runtime;
      row.threads = threads;
      row.cell = *row.cell + runtime + std::to_string(threads);
      row.timing_id = *row.timing_id + runtime + std::to_string(threads);
      row.latency_p50_ns = *row.latency_p50_ns * slower;
      row.top1 = *row.top1 - 0.001 * slower;
      row.device = "host";
      rows.push_back(row);
    }
  }
  const std::vector<ChartView> views = chart_views(rows, {Metric::top1}, {});
  ASSERT_EQ(views.size(), 4u);
  EXPECT_EQ(views[0].place, "native, 1 thread");
  EXPECT_EQ(views[1].place, "native, 2 threads");
  EXPECT_EQ(views[2].place, "onnxruntime, 1 thread");
  EXPECT_EQ(views[3].place, "all");
  for (size_t v = 0; v < 3; ++v) {
    for (const char* key : {"gflops", "latency_p50_ns"}) {
      const Chart& chart = chart_of(views[v].charts, key);
      ASSERT_EQ(chart.points.size(), 3u) << key;
      EXPECT_EQ(chart.fronts.size(), 1u) << key;
      EXPECT_EQ(chart.points[0].rows, (std::vector<size_t>{9 * v, 9 * v + 3, 9 * v + 6})) << key;
      EXPECT_NEAR(chart.points[0].accuracy, 66.81 - 0.1 * static_cast<double>(v + 1), 1e-9) << "as it is there";
    }
  }
  EXPECT_EQ(chart_of(views[3].charts, "gflops").points.size(), 3u);
  EXPECT_EQ(chart_of(views[3].charts, "latency_p50_ns").points.size(), 9u);
  EXPECT_EQ(chart_views(three_seeds(), {Metric::top1}, {}).size(), 1u) << "one place, one view";
}

TEST(Charts, EnergyHasAChartWhereItWasMeasured) {
  std::vector<Record> rows = three_seeds();
  EXPECT_EQ(std::ranges::count(charts(rows, Metric::top1), "energy_mj", &Chart::key), 0);
  for (const size_t i : {0, 3, 6}) rows[i].energy_mj = 2.0 + 0.3 * static_cast<double>(i);
  const auto all = charts(rows, Metric::top1);
  const Chart& energy = chart_of(all, "energy_mj");
  ASSERT_EQ(energy.points.size(), 1u) << "of the method whose seeds all have it";
  EXPECT_NEAR(energy.points[0].cost, 2.9, 1e-12);
  EXPECT_EQ(energy.unit, "mJ");
}

// Each device and runtime is fitted by itself: one chart for each, its points means over seeds with the accuracy of
// what was measured.
TEST(Charts, ForecastsHaveAChartForEachRuntimeAndDevice) {
  std::vector<Record> rows = three_seeds();
  for (Record& row : rows) row.config = {{"steps", Json::array({{{"prune", Json::object()}}})}};
  const size_t measured = rows.size();
  for (const std::string device : {"nano", "pi"}) {
    for (size_t i = 0; i < measured; ++i) {
      Record row = rows[i];
      row.cell = *row.cell + device;
      row.device = device;
      row.runtime = "tensorrt";
      row.threads.reset();
      row.latency_source = "forecast";
      row.latency_p50_ns = 2000000;
      row.latency_low_ns = 1000000;
      row.latency_high_ns = 5000000;
      row.timing_id.reset();
      row.config = Json::object();
      rows.push_back(row);
    }
  }
  MethodComparison comparison;
  comparison.groups = method_groups(rows, Metric::top1);
  for (size_t g = 0; g < comparison.groups.size(); ++g) {
    comparison.means.push_back(stats::Estimate{0.5, 0.4, 0.9, 1, 3, {}});
  }
  const auto all = charts(rows, Metric::top1, &comparison);
  std::vector<std::string> headings;
  for (const Chart& chart : all) {
    if (chart.key != "latency_forecast_ns") continue;
    headings.push_back(chart.heading());
    ASSERT_EQ(chart.points.size(), 3u);
    const ChartPoint& first = chart.points[0];
    EXPECT_EQ(first.rows.size(), 3u);
    EXPECT_EQ(rows[first.rows[0]].seed, 0);
    EXPECT_EQ(first.cost, 2);
    EXPECT_EQ(first.cost_low, 1);
    EXPECT_EQ(first.cost_high, 5);
    EXPECT_NEAR(*first.low, 40, 1e-9) << "of the measured rows";
    EXPECT_NE(chart_notes(chart).at(0).find("90 %"), std::string::npos);
  }
  EXPECT_EQ(headings,
            (std::vector<std::string>{"Forecast latency, tensorrt on nano", "Forecast latency, tensorrt on pi"}));
  const Json json = chart_json(rows, {{Metric::top1, "", all}});
  EXPECT_EQ(json["views"][0]["charts"][4]["points"][0]["x_high"], 5);
  EXPECT_EQ(json["rows"][measured + 1]["family"], json["rows"][1]["family"]) << "a forecast says no steps";
  EXPECT_EQ(json["rows"][1]["family"], "pruned + PTQ");
}

// Records hold intervals of mAP@[.5:.95]; those of COCO's other metrics come from the outcomes of the images.
TEST(Charts, WhatRecordsHoldNoIntervalOfHasThatOfTheComparison) {
  std::vector<Record> rows = three_seeds();
  rows.resize(3);
  for (Record& row : rows) row.map_50 = row.top1;
  MethodComparison comparison;
  comparison.groups = method_groups(rows, Metric::map_50);
  for (size_t g = 0; g < comparison.groups.size(); ++g) {
    comparison.means.push_back(stats::Estimate{0.5, 0.4, 0.9, 1, 1, {}});
  }
  const std::vector<ChartView> views = chart_views(rows, {Metric::map_50}, {comparison});
  EXPECT_NEAR(*views[0].charts[0].points[0].high, 90, 1e-9);
  EXPECT_FALSE(chart_views(rows, {Metric::map_50}, {})[0].charts[0].points[0].high);
}

TEST(Charts, DetectorsHaveCocosOtherMetrics) {
  std::vector<Record> rows = three_seeds();
  for (Record& row : rows) {
    row.task = "detect";
    row.map_50_95 = *row.top1 / 2;
    row.map_50 = row.top1;
    row.map_95 = *row.top1 / 10;
    row.top1.reset();
  }
  const std::vector<Metric> metrics = metrics_of(sections(rows).at(0));
  EXPECT_EQ(metrics, (std::vector<Metric>{Metric::map_50_95, Metric::map_50, Metric::map_95}));
  const std::vector<ChartView> views = chart_views(rows, metrics, {});
  ASSERT_EQ(views.size(), 3u);
  EXPECT_NEAR(views[2].charts[0].points[0].accuracy, 6.681, 1e-9);
  const Json json = chart_json(rows, views);
  EXPECT_EQ(json["views"][2]["metric"], "mAP@.95");
  EXPECT_EQ(json["views"][2]["charts"].size(), json["views"][0]["charts"].size());
  for (Record& row : rows) row.map_95.reset();
  EXPECT_EQ(metrics_of(sections(rows).at(0)).size(), 2u);
  EXPECT_EQ(metrics_of(sections(three_seeds()).at(0)), (std::vector<Metric>{Metric::top1}));
}

}  // namespace
}  // namespace quench::report
