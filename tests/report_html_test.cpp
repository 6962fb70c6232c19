#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <regex>
#include <set>

#include "core/file.h"
#include "core/json.h"
#include "html_parsing.h"
#include "report/asset.h"
#include "report/chart.h"
#include "report/columns.h"
#include "report/html_section.h"
#include "report/report.h"
#include "report_samples.h"

namespace quench::report {
namespace {

using quench::testing::parse;
using quench::testing::Parsed;
using record::Record;

const PageOptions kOptions{"CIFAR-100: float, PTQ, QAT", "quench study run examples/cifar100.yaml", {"A note."}};

TEST(Html, WarnsOfLatenciesThatDoNotCompare) {
  const char* const warning = "more than one machine or at more than one thread count";
  std::vector<Record> records = sample_records();
  for (Record& record : records) {
    record.host = "AMD EPYC, 2 cores, avx512_vnni";
    record.device = "host";
    record.threads = 1;
  }
  EXPECT_EQ(html(records, kOptions).find(warning), std::string::npos) << "one machine, whose name has commas";
  for (Record& record : records) {
    if (record.latency_p50_ns) {
      record.threads = 2;
      break;
    }
  }
  EXPECT_NE(html(records, kOptions).find(warning), std::string::npos);
}

TEST(Html, IsWellFormed) {
  const Parsed page = parse(html(sample_records(), kOptions));
  EXPECT_EQ(page.fault, "");
  EXPECT_NE(page.text.find("CIFAR-100: float, PTQ, QAT"), std::string::npos);
  EXPECT_NE(page.text.find("quench study run examples/cifar100.yaml"), std::string::npos);
  EXPECT_NE(page.text.find("expected at least 1 calibration image, got 0"), std::string::npos);
  EXPECT_EQ(parse(html({}, kOptions)).fault, "");
}

TEST(Html, FetchesNothing) {
  const std::string text = html(sample_records(), kOptions);
  for (const std::string& attribute : parse(text).attributes) {
    EXPECT_FALSE(attribute.starts_with("src=") ||
                 (attribute.starts_with("href=") && !attribute.starts_with("href=\"#")))
        << attribute;
  }
  EXPECT_EQ(text.find("@import"), std::string::npos);
  EXPECT_EQ(std::string(asset::page_style()).find("url("), std::string::npos);
  EXPECT_EQ(std::string(asset::page_script()).find("fetch("), std::string::npos);
  EXPECT_NE(text.find("default-src 'none'"), std::string::npos);
}

TEST(Html, HostileTextStaysText) {
  const std::string evil = "</script><script>alert(1)</script><b a='\"'>&amp;<!-- \x01 \xff";
  auto records = sample_records();
  for (Record& record : records) {
    record.model = record.method = record.setting = record.runtime = record.data = record.cell = evil;
    record.host = record.device = record.quench_version = record.time = record.reason = evil;
    record.config = Json{{evil, evil}};
  }
  records[3].status = evil;
  const Parsed plain = parse(html(sample_records(), kOptions));
  const Parsed page = parse(html(records, {evil, evil, {evil}}));
  EXPECT_EQ(page.fault, "");
  EXPECT_EQ(page.scripts.size(), plain.scripts.size());
  EXPECT_NE(page.text.find("&lt;script&gt;alert(1)"), std::string::npos);
}

TEST(Html, ChartDataReadsBack) {
  if (asset::echarts().empty()) GTEST_SKIP() << "built without ECharts";
  const Parsed page = parse(html(sample_records(), kOptions));
  ASSERT_EQ(page.scripts.size(), 3u);  // data, library, page
  const Json data = parse_json(page.scripts[0], "chart data");
  ASSERT_EQ(data.at("views").back().at("charts").size(), 4u);
  EXPECT_EQ(data.at("rows").size(), 9u);
  for (const Json& chart : data.at("views").back().at("charts")) {
    // A model on a second runtime is another latency, and the same artifact.
    EXPECT_EQ(chart.at("points").size(), chart.at("key") == "latency_p50_ns" ? 9u : 8u);
    ASSERT_EQ(chart.at("fronts").size(), 1u);
    EXPECT_FALSE(chart.at("fronts")[0].at("points").empty());
    EXPECT_EQ(chart.at("fronts")[0].at("name"), "");
  }
  // The most accurate row and the fastest are on the front of latency against accuracy.
  const Json& latency = data.at("views").back().at("charts")[3];
  std::vector<size_t> rows;
  for (const Json& i : latency.at("fronts")[0].at("points"))
    rows.push_back(latency.at("points")[i.get<size_t>()].at("row"));
  EXPECT_EQ(rows, (std::vector<size_t>{3, 4, 8}));
}

/// The titles and texts of a page's tiles, which say the best rows.
std::vector<std::string> tiles_of(const std::string& page) {
  static const std::regex tile("tile-title\">([^<]*)</div><div class=\"tile-value\">([^<]*)<");
  std::vector<std::string> found;
  for (std::sregex_iterator it(page.begin(), page.end(), tile), none; it != none; ++it) {
    found.push_back((*it)[1].str() + " " + (*it)[2].str());
  }
  return found;
}

// A forecast is in no chart, front or tile of measured latencies, nor the other way round.
TEST(Html, ForecastsAndMeasuredLatenciesStandApart) {
  std::vector<Record> records = sample_records();
  records[3].latency_source = "forecast";  // 0.61 ms, else the fastest
  const std::string page = html(records, kOptions);
  std::set<std::string> tiles;
  for (const std::string& tile : tiles_of(page)) tiles.insert(tile);
  EXPECT_TRUE(tiles.contains("Fastest 0.610")) << "the other row of 0.61 ms";
  EXPECT_TRUE(tiles.contains("Fastest forecast 0.610"));
  EXPECT_TRUE(tiles.contains("Fastest within 1 point of the best 0.740"));
  EXPECT_NE(page.find("title=\"A forecast: computed, not measured.\">0.610 *</td>"), std::string::npos);
  const Json data = chart_json(ok_records(records), {{Metric::top1, "", charts(ok_records(records), Metric::top1)}});
  ASSERT_EQ(data.at("views").back().at("charts").size(), 5u);
  const auto rows_of = [&](const Json& chart) {
    std::set<size_t> rows;
    for (const Json& point : chart.at("points")) rows.insert(point.at("row").get<size_t>());
    return rows;
  };
  EXPECT_EQ(rows_of(data["views"][0]["charts"][4]), (std::set<size_t>{3}));
  EXPECT_EQ(data["views"][0]["charts"][4]["title"], "Forecast latency, onnxruntime on cpu, 2 threads");
  EXPECT_EQ(rows_of(data["views"][0]["charts"][3]), (std::set<size_t>{0, 1, 2, 4, 5, 6, 7, 8}));
}

// What was not timed together shares no front of latencies and no "fastest"; costs that are no latency do.
TEST(Html, RowsOfTwoTimingsHaveFrontsOfTheirOwn) {
  std::vector<Record> records = ok_records(sample_records());
  for (size_t i = 0; i < records.size(); ++i) records[i].timing_id = i < 5 ? "one" : "two";
  const auto all = charts(records, Metric::top1);
  for (const Chart& chart : all) {
    const bool latency = chart.key == "latency_p50_ns";
    ASSERT_EQ(chart.fronts.size(), latency ? 2u : 1u) << chart.key;
    if (!latency) continue;
    EXPECT_EQ(chart.fronts[0].points, (std::vector<size_t>{3, 4})) << "mse at 0.61 ms, qat at 0.62";
    EXPECT_EQ(chart.fronts[1].points, (std::vector<size_t>{8})) << "alone: as fast as mse, better than all";
  }
  const Json data = chart_json(records, {{Metric::top1, "", all}});
  EXPECT_EQ(data["views"][0]["charts"][3]["fronts"][1]["name"], "2");
  const std::string page = html(records, kOptions);
  EXPECT_EQ(parse(page).fault, "");
  for (const std::string& tile : tiles_of(page)) EXPECT_FALSE(tile.starts_with("Fastest")) << tile;
  for (const char* const said : {"Not all rows were timed together", "Fastest, among rows that were timed together",
                                 "<td>yolov5n-cls / ptq mse / onnxruntime on cpu</td><td class=\"number\">0.610</td>",
                                 "<td>yolov8n-cls / qat / onnxruntime on cpu</td><td class=\"number\">0.740</td>",
                                 "Latencies of different groups do not compare."}) {
    const bool is_chart_text = std::string(said).starts_with("Latencies of");
    if (is_chart_text && asset::echarts().empty()) continue;
    EXPECT_NE(page.find(said), std::string::npos) << said;
  }
  const std::string before = html(sample_records(), kOptions);
  EXPECT_EQ(before.find("timed together"), before.find("timed together with it"))
      << "records of before: one group, and no talk of others";
}

TEST(Html, CostsOfZerosAndOfFewBitsHaveCharts) {
  std::vector<Record> records = ok_records(sample_records());
  const auto keys = [&] {
    std::set<std::string> out;
    for (const Chart& chart : charts(records, Metric::top1)) out.insert(chart.key);
    return out;
  };
  for (Record& record : records) record.bits_w = record.method == "fp32" ? 32 : 8;
  EXPECT_EQ(keys().count("bops") + keys().count("nonzero_params") + keys().count("compressed_file_bytes"), 0u);
  records[1].bits_w = 4;
  for (Record& record : records) record.bops = 1000000000;
  EXPECT_EQ(keys().count("bops"), 1u);
  records[2].sparse = "all: 2:4 (0.5)";
  records[2].nonzero_params = 500000;
  EXPECT_EQ(keys().count("nonzero_params") + keys().count("compressed_file_bytes"), 2u);
  for (const Chart& chart : charts(records, Metric::top1)) {
    if (chart.key == "bops") {
      EXPECT_EQ(chart.points.size(), records.size() - 1) << "artifacts: one is there on two runtimes";
    }
    if (chart.key == "nonzero_params") {
      EXPECT_EQ(chart.points.size(), 1u);
    }
  }
  EXPECT_EQ(parse(html(records, kOptions)).fault, "");
}

TEST(Html, TilesSayThatALatencyIsUnsteady) {
  std::vector<Record> records = ok_records(sample_records());
  for (Record& record : records) record.stable = true;
  EXPECT_EQ(html(records, kOptions).find("(unsteady)"), std::string::npos);
  for (Record& record : records) record.stable = false;
  const std::string page = html(records, kOptions);
  EXPECT_NE(page.find("(unsteady)"), std::string::npos);
}

TEST(Html, SaysTheBaselineOfEachRow) {
  const std::vector<Record> records = ok_records(sample_records());
  const std::string page = html(records, kOptions);
  EXPECT_NE(page.find("title=\"Against row 1: yolov5n-cls / fp32 / onnxruntime on cpu.\">-1.45</td>"),
            std::string::npos);
  EXPECT_NE(page.find("<td>row 6</td>"), std::string::npos) << "of the second model";
  const Json data = chart_json(records, {{Metric::top1, "", charts(records, Metric::top1)}});
  const std::string note = "Delta is against row 1: yolov5n-cls / fp32 / onnxruntime on cpu.";
  EXPECT_NE(std::ranges::find(data["rows"][2]["notes"], Json(note)), data["rows"][2]["notes"].end());
}

TEST(Html, TilesTellRowsOfOneLabelApart) {
  std::vector<Record> records = ok_records(sample_records());
  records.push_back(records[8]);
  records.back().cell = "the-other";
  records.back().top1 = 0.68;
  const std::string page = html(records, kOptions);
  EXPECT_NE(page.find("<div class=\"tile-note\">yolov8n-cls / qat / onnxruntime on cpu (the-other)</div>"),
            std::string::npos);
}

TEST(Html, TheChartTellsEntriesOfOneModelApart) {
  std::vector<Record> records = ok_records(sample_records());
  records[0].entry = "yolov5n-cls@64,stem_stride=2";
  records[1].entry = "yolov5n-cls@64,stem_stride=1";
  const Json data = chart_json(records, {{Metric::top1, "", charts(records, Metric::top1)}});
  EXPECT_EQ(data["rows"][0]["model"], "yolov5n-cls@64,stem_stride=2");
  EXPECT_EQ(data["rows"][1]["model"], "yolov5n-cls@64,stem_stride=1");
  EXPECT_EQ(data["rows"][2]["model"], "yolov5n-cls") << "records of before have none";
}

TEST(Html, TooltipsSayTheArtifactAndHowItWasTimed) {
  std::vector<Record> records = ok_records(sample_records());
  records[0].artifact = "artifacts/yolov5n-cls@64/fp32-s0.onnx";
  records[0].stable = false;
  records[0].timing_drift = -0.08;
  const Json data = chart_json(records, {{Metric::top1, "", charts(records, Metric::top1)}});
  const Json& row = data["rows"][0];
  EXPECT_NE(std::ranges::find(row["facts"], Json({"Artifact", *records[0].artifact})), row["facts"].end());
  EXPECT_NE(std::ranges::find(row["facts"], Json({"Drift", "-8.0 %"})), row["facts"].end());
  ASSERT_EQ(row["notes"].size(), 1u);
  EXPECT_NE(row["notes"][0].get<std::string>().find("Unsteady"), std::string::npos);
  EXPECT_TRUE(data["rows"][1]["notes"].empty());
  const std::string page = html(records, kOptions);
  EXPECT_EQ(parse(page).fault, "");
  EXPECT_NE(page.find("<td class=\"path\">artifacts/yolov5n-cls@64/fp32-s0.onnx</td>"), std::string::npos);
  EXPECT_NE(page.find("title=\"Unsteady: "), std::string::npos);
}

TEST(Html, SectionsOfTwoDataSetsStandApart) {
  auto records = sample_records();
  for (size_t i = 0; i < records.size(); i += 2) records[i].data = "cifar10";
  const Parsed page = parse(html(records, kOptions));
  EXPECT_EQ(page.fault, "");
  EXPECT_NE(page.text.find("cifar100, classify"), std::string::npos);
  EXPECT_NE(page.text.find("cifar10, classify"), std::string::npos);
}

TEST(Html, WithoutTheLibraryTheTableStaysAndThePageSaysSo) {
  const std::string section = section_html({"cifar100", Metric::top1, sample_records()}, 0, false, {});
  EXPECT_EQ(section.find("<script"), std::string::npos);
  EXPECT_NE(section.find("<table"), std::string::npos);
  const bool said = html(sample_records(), kOptions).find("Charts were left out") != std::string::npos;
  EXPECT_EQ(said, asset::echarts().empty());
}

TEST(ScriptJson, HoldsNoMarkup) {
  const Json json{{"</script>", "<!--&>\u2028\xff"}};
  const std::string text = script_json(json);
  EXPECT_EQ(text.find_first_of("<>&"), std::string::npos);
  EXPECT_TRUE(std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; }));
  EXPECT_EQ(parse_json(text, "test").begin().key(), "</script>");
}

/// The page of the samples, for eyes.
TEST(Html, WritesASample) {
  const auto path = std::filesystem::path(::testing::TempDir()) / "quench-report-sample.html";
  write_file(path, html(sample_records(), kOptions));
  EXPECT_EQ(read_file(path), html(sample_records(), kOptions));
}

}  // namespace
}  // namespace quench::report
