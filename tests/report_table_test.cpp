#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "report/columns.h"
#include "report/compare.h"
#include "report/format.h"
#include "report/report.h"
#include "report/timing_groups.h"
#include "report_samples.h"

namespace quench::report {
namespace {

using record::Record;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

/// A reader of RFC 4180, independent of the writer.
std::vector<std::vector<std::string>> parse_csv(const std::string& text) {
  std::vector<std::vector<std::string>> rows(1, {""});
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '"' && i + 1 < text.size() && text[i + 1] == '"') {
        rows.back().back() += '"';
        ++i;
      } else if (c == '"') {
        quoted = false;
      } else {
        rows.back().back() += c;
      }
    } else if (c == '"') {
      quoted = true;
    } else if (c == ',') {
      rows.back().emplace_back();
    } else if (c == '\r' && i + 1 < text.size() && text[i + 1] == '\n') {
      ++i;
      if (i + 1 < text.size()) rows.push_back({""});
    } else {
      rows.back().back() += c;
    }
  }
  return rows;
}

const Column& column(const Columns& all, const std::string& title) {
  for (const Column& one : all.columns) {
    if (one.title == title) return one;
  }
  throw std::runtime_error("no column " + title);
}

std::set<std::string> column_names(const Columns& all) {
  std::set<std::string> names;
  for (const Column& one : all.columns) names.insert(one.title);
  return names;
}

// A forecast latency is told from measured ones, carries its interval, and is no baseline for them.
TEST(Table, ForecastLatenciesAreMarked) {
  std::vector<Record> records = sample_records();
  const Columns measured = columns(ok_records(records));
  EXPECT_TRUE(std::ranges::none_of(measured.columns, [](const Column& c) { return c.title == "Latency is"; }));
  Record& forecast = records.front();  // yolov5n-cls fp32, which the ptq rows are compared with
  ASSERT_EQ(forecast.method, "fp32");
  forecast.latency_source = "forecast";
  forecast.latency_low_ns = 500'000;
  forecast.latency_high_ns = 2'000'000;
  const Columns shown = columns(ok_records(records));
  EXPECT_EQ(column(shown, "Latency is").cells[0], "forecast");
  EXPECT_EQ(column(shown, "Latency is").cells[1], "measured");
  EXPECT_EQ(column(shown, "Forecast, 90 % interval").cells[0], "0.500-2.00");
  EXPECT_EQ(column(shown, "Forecast, 90 % interval").cells[1], "");
  EXPECT_EQ(column(shown, "Forecast p50").cells[0], "1.12");
  EXPECT_EQ(column(shown, "Forecast p50").cells[1], "");
  EXPECT_EQ(column(shown, "p50").cells[0], "") << "no column has both kinds";
  EXPECT_EQ(column(shown, "p50").cells[1], "4.700");
  const auto ptq = std::ranges::find_if(records, [](const Record& r) { return r.method == "ptq"; });
  ASSERT_NE(ptq, records.end());
  EXPECT_EQ(latency_baseline(*ptq, records), nullptr);
  EXPECT_NE(table(records).find("forecast"), std::string::npos);
  EXPECT_NE(html(records, {}).find("\"forecast\":true"), std::string::npos);
}

// Figures that were not measured under the same conditions: marked in words, and compared with nothing.
TEST(Table, UnsteadyTimingsAreMarked) {
  std::vector<Record> records = sample_records();
  for (Record& record : records) {
    record.timing_drift = 0.004;
    record.stable = true;
  }
  const Columns steady = columns(ok_records(records));
  EXPECT_EQ(column(steady, "Drift").cells[0], "+0.4");
  EXPECT_FALSE(column_names(steady).contains("Timing"));
  EXPECT_EQ(column(steady, "p50").marks[0], "");
  records[0].timing_drift = 0.123;
  records[0].stable = false;
  const Columns shown = columns(ok_records(records));
  EXPECT_EQ(column(shown, "Timing").cells[0], "unsteady");
  EXPECT_EQ(column(shown, "Timing").cells[1], "steady");
  EXPECT_EQ(column(shown, "Drift").cells[0], "+12.3");
  EXPECT_NE(column(shown, "p50").marks[0].find("drifted while they were measured (by +12.3 %)"), std::string::npos);
  EXPECT_EQ(column(shown, "p50").marks[1], "");
  EXPECT_NE(table(records).find("unsteady"), std::string::npos);
  EXPECT_NE(markdown(records).find("unsteady"), std::string::npos);
}

TEST(Table, ArtifactsHaveTheirPaths) {
  std::vector<Record> records = sample_records();
  EXPECT_FALSE(column_names(columns(ok_records(records))).contains("Artifact"));
  for (Record& record : records) record.artifact = "artifacts/" + *record.cell + ".onnx";
  const Columns shown = columns(ok_records(records));
  EXPECT_EQ(column(shown, "Artifact").cells[0], *records[0].artifact);
  EXPECT_NE(table(records).find(*records[3].artifact), std::string::npos);
}

TEST(Compare, WhatWasNotTimedTogetherHasNoSpeedUp) {
  std::vector<Record> records = ok_records(sample_records());
  const auto ptq = static_cast<size_t>(
      std::ranges::find_if(records, [](const Record& r) { return r.method == "ptq"; }) - records.begin());
  const auto speedup = [&] {
    const Columns all = columns(records);
    return column_names(all).contains("Speed-up") ? column(all, "Speed-up").values[ptq] : std::nullopt;
  };
  EXPECT_NEAR(speedup().value(), 1.12 / 0.61, 1e-6) << "records of before: nobody knows";
  for (Record& record : records) record.timing_id = "one";
  EXPECT_NEAR(speedup().value(), 1.12 / 0.61, 1e-6);
  records[ptq].timing_id = "other";
  EXPECT_FALSE(speedup().has_value());
  records[ptq].timing_id.reset();
  EXPECT_FALSE(speedup().has_value()) << "one of before, one of now";
}

TEST(TimingGroups, AreOfOneTimingDeviceAndThreads) {
  std::vector<Record> records = ok_records(sample_records());
  ASSERT_EQ(timing_groups(records).size(), 1u) << "records of before: one group";
  EXPECT_EQ(timing_groups(records)[0].rows.size(), records.size());
  EXPECT_FALSE(timing_groups(records)[0].in_turn);
  EXPECT_FALSE(column_names(columns(records)).contains("Timed in group"));
  for (size_t i = 0; i < records.size(); ++i) records[i].timing_id = i < 5 ? "one" : "two";
  records[1].latency_p50_ns.reset();
  records[2].latency_source = "forecast";
  auto groups = timing_groups(records);
  ASSERT_EQ(groups.size(), 2u);
  EXPECT_EQ(groups[0].rows, (std::vector<size_t>{0, 3, 4}));
  EXPECT_EQ(groups[0].name, "yolov5n-cls, onnxruntime, cpu, 2 threads, seed 0");
  EXPECT_TRUE(groups[0].in_turn);
  EXPECT_EQ(groups[1].rows, (std::vector<size_t>{5, 6, 7, 8}));
  EXPECT_EQ(column(columns(records), "Timed in group").cells,
            (std::vector<std::string>{"1", "", "", "1", "1", "2", "2", "2", "2"}));
  records[8].threads = 1;
  records[7].device = "jetson-nano";
  groups = timing_groups(records);
  ASSERT_EQ(groups.size(), 4u) << "on one device, at one count of threads";
  EXPECT_EQ(groups[2].rows, (std::vector<size_t>{7}));
}

TEST(Table, RowsAndHeadsAlign) {
  const std::string text = table(sample_records());
  const auto lines = lines_of(text);
  ASSERT_GE(lines.size(), 11u) << text;
  const std::string& rule = lines[1];
  for (size_t row = 2; row < 11; ++row) {
    for (size_t at = 0; at < rule.size(); ++at) {
      if (rule[at] == ' ' && at < lines[row].size()) {
        EXPECT_EQ(lines[row][at], ' ') << lines[row];
      }
    }
  }
  for (const char c : text) EXPECT_LT(static_cast<unsigned char>(c), 0x80);
}

TEST(Table, SaysWhyARowHasNoResult) {
  const std::string text = table(sample_records());
  EXPECT_NE(text.find("yolov8n-cls / ptq entropy / onnxruntime on cpu: failed: [quant.ptq] expected at least 1"),
            std::string::npos);
}

// Seeds, threads and runtimes that failed alike were once lines alike.
TEST(Table, RowsWithoutAResultAreToldApart) {
  std::vector<Record> records{sample_records().back(), sample_records().back()};
  records[1].seed = 1;
  records[0].cell = "the-first/s0";
  records[1].cell = "the-second/s1";
  for (const std::string& text : {table(records), markdown(records), html(records, {})}) {
    EXPECT_NE(text.find("the-first/s0"), std::string::npos) << text.substr(0, 300);
    EXPECT_NE(text.find("the-second/s1"), std::string::npos) << text.substr(0, 300);
  }
}

// A study's entries of one model, with other settings, once had one name.
TEST(Compare, EntriesOfOneModelHaveNamesAndBaselinesOfTheirOwn) {
  const std::vector<Record> all = sample_records();
  std::vector<Record> records{all[0], all[2], all[0], all[2]};
  for (size_t i = 0; i < records.size(); ++i) {
    records[i].entry = i < 2 ? "yolov5n-cls@64,stem_stride=2" : "yolov5n-cls@64,stem_stride=1";
    records[i].timing_id = "one";
  }
  EXPECT_EQ(label(records[0]), "yolov5n-cls@64,stem_stride=2 / fp32 / onnxruntime on cpu");
  EXPECT_EQ(label(records[2]), "yolov5n-cls@64,stem_stride=1 / fp32 / onnxruntime on cpu");
  EXPECT_EQ(accuracy_baseline(records[1], records), &records[0]);
  EXPECT_EQ(accuracy_baseline(records[3], records), &records[2]);
  EXPECT_EQ(latency_baseline(records[3], records), &records[2]);
  records.erase(records.begin() + 2);  // without its own there is none
  EXPECT_EQ(accuracy_baseline(records[2], records), nullptr);
  const Columns shown = columns(records);
  EXPECT_EQ(column(shown, "Entry").cells[2], "yolov5n-cls@64,stem_stride=1");
  EXPECT_EQ(column_names(shown).count("File"), 0u) << "the entry tells them apart";
  records[2].entry = records[0].entry;
  EXPECT_EQ(column_names(columns(records)).count("Entry"), 0u);
}

TEST(Compare, RowsWithoutATaskStandWithTheOthersOfTheirData) {
  std::vector<Record> records = sample_records();
  records.back().task.reset();  // as records of rows that failed once were
  ASSERT_EQ(sections(records).size(), 1u);
  EXPECT_EQ(sections(records)[0].title, "cifar100, classify");
}

TEST(Table, SharedSettingsStandBelowOnce) {
  const std::string text = table(sample_records());
  EXPECT_NE(text.find("All rows: data cifar100, size 64, device cpu, threads 2, seed 0"), std::string::npos) << text;
}

TEST(Table, NoRecords) { EXPECT_EQ(table({}), "no records\n"); }

TEST(Table, ControlCharactersDoNotBreakRows) {
  auto records = sample_records();
  records[0].setting = "two\nlines\x1b[31m";
  for (const std::string& line : lines_of(table(records))) EXPECT_EQ(line.find('\x1b'), std::string::npos);
}

TEST(Columns, UndefinedMapIsNotZero) {
  Record record;
  record.model = "yolov5n";
  record.task = "detect";
  record.samples = 4;  // images where nothing is annotated
  const Columns shown = columns({record});
  EXPECT_EQ(column(shown, "mAP@[.5:.95]").cells[0], "n/a");
  EXPECT_FALSE(column(shown, "mAP@[.5:.95]").values[0]);
  EXPECT_NE(table({record}).find("n/a"), std::string::npos);
  EXPECT_EQ(sections({record})[0].metric, Metric::map_50_95);
  EXPECT_NE(html({record}, {}).find("n/a"), std::string::npos);
}

TEST(Columns, UnitsAndValues) {
  const Columns all = columns(ok_records(sample_records()));
  EXPECT_EQ(column(all, "Top-1").cells[0], "65.81");
  EXPECT_EQ(column(all, "Top-1").unit, "%");
  EXPECT_EQ(column(all, "Params").cells[0], "1.34");
  EXPECT_EQ(column(all, "p50").cells[0], "1.120");
  EXPECT_EQ(column(all, "Weights").cells[0], "5.34");
  EXPECT_EQ(column(all, "W/A").cells[2], "8/8");
}

TEST(Columns, OneNarrowLayerIsNotTheWholeModel) {
  std::vector<Record> records = ok_records(sample_records());
  EXPECT_FALSE(column_names(columns(records)).contains("Mean W"));
  records[2].layer_bits = "model.9.conv=w4";
  records[2].bits_w_mean = 7.5;
  records[3].layer_bits = "a=w4,b=w4,c=w4a6,d=a6";
  records[3].bits_w_mean = 6.25;
  const Columns all = columns(records);
  EXPECT_EQ(column(all, "W/A").cells[2], "8/8 (1 layer w4)");
  EXPECT_EQ(column(all, "W/A").cells[3], "8/8 (2 layers w4, 1 layer w4a6, 1 layer a6)");
  EXPECT_EQ(column(all, "W/A").cells[4], "8/8");
  EXPECT_EQ(column(all, "Mean W").cells[2], "7.50");
  EXPECT_EQ(column(all, "W/A").details[2], "Layers of other widths: model.9.conv=w4.");
  EXPECT_EQ(column(all, "W/A").details[4], "");
  const std::string page = html(records, {});
  EXPECT_NE(page.find("title=\"Layers of other widths: model.9.conv=w4.\">8/8 (1 layer w4)</td>"), std::string::npos);
  EXPECT_NE(table(records).find("8/8 (1 layer w4)"), std::string::npos);
}

TEST(Columns, PredictedLatenciesStandBesideMeasuredOnes) {
  std::vector<Record> records = ok_records(sample_records());
  EXPECT_FALSE(column_names(columns(records)).contains("Predicted"));
  records[1].predicted_latency_ns = 2'500'000;
  const Columns all = columns(records);
  EXPECT_EQ(column(all, "Predicted").values[1], 2.5);
  EXPECT_EQ(column(all, "Predicted").cells[0], "");
}

TEST(Columns, SparseRowsBringTheirCounts) {
  std::vector<Record> records = ok_records(sample_records());
  for (Record& record : records) {
    record.nonzero_params = *record.params - 10'000;
    record.file_bytes = 5'400'000;
    record.compressed_file_bytes = 5'000'000;
  }
  for (const char* title : {"Sparsity", "Non-zero", "Model file", "Compressed"}) {
    EXPECT_FALSE(column_names(columns(records)).contains(title)) << title << ": no row is sparse";
  }
  records[2].sparse = "2:4";
  records[2].nonzero_params = 670'000;
  records[2].compressed_file_bytes = 3'210'000;
  const Columns all = columns(records);
  EXPECT_EQ(column(all, "Sparsity").cells[2], "2:4");
  EXPECT_EQ(column(all, "Sparsity").cells[1], "");
  EXPECT_EQ(column(all, "Non-zero").cells[2], "0.670");
  EXPECT_EQ(column(all, "Params").cells[0], "1.34");
  EXPECT_EQ(column(all, "Model file").cells[2], "5.40");
  EXPECT_EQ(column(all, "Compressed").cells[2], "3.21");
  EXPECT_EQ(column(all, "Compressed").cells[1], "5.00") << "dense rows beside it, to compare";
}

TEST(Columns, FilesTellRowsApartThatAreAlikeOtherwise) {
  std::vector<Record> records = ok_records(sample_records());
  EXPECT_EQ(column_names(columns(records)).count("File"), 0u);
  records.push_back(records[0]);
  records.back().cell = "again.onnx";
  const Columns all = columns(records);
  EXPECT_EQ(column(all, "File").cells.back(), "again.onnx");
}

TEST(Columns, PowerAndThrottlingStandWhereTheyWereMeasured) {
  std::vector<Record> records = ok_records(sample_records());
  EXPECT_EQ(column_names(columns(records)).count("Energy"), 0u);
  records[1].energy_mj = 12.34;
  records[1].power_mean_mw = 4321.0;
  records[1].frequency_mean_mhz = 1479;
  records[1].temperature_end_c = 61.25;
  records[1].power_source = "ina3221 VDD_IN";
  records[1].throttled = false;
  Columns all = columns(records);
  EXPECT_EQ(column(all, "Energy").cells[1], "12.3");
  EXPECT_EQ(column(all, "Energy").cells[0], "");
  EXPECT_EQ(column(all, "Energy").unit, "mJ");
  EXPECT_EQ(column(all, "Power").cells[1], "4.32");
  EXPECT_EQ(column(all, "Clock").cells[1], "1479");
  EXPECT_EQ(column(all, "Heat").cells[1], "61");
  EXPECT_EQ(column(all, "Power of").cells[1], "ina3221 VDD_IN");
  EXPECT_EQ(column_names(all).count("Throttled"), 0u) << "no row was";
  records[2].throttled = true;
  all = columns(records);
  EXPECT_EQ(column(all, "Throttled").cells[0], "");
  EXPECT_EQ(column(all, "Throttled").cells[1], "no");
  EXPECT_EQ(column(all, "Throttled").cells[2], "yes");
}

TEST(Columns, DeltaIsAgainstTheSameModelsFloatRow) {
  const Columns all = columns(ok_records(sample_records()));
  const Column& delta = column(all, "Delta");
  EXPECT_EQ(delta.cells[0], "");  // float32 itself
  EXPECT_EQ(delta.cells[2], "-1.45");
  EXPECT_EQ(delta.cells[4], "+0.04");
  EXPECT_EQ(delta.cells[8], "+0.09");
  EXPECT_EQ(column(all, "Speed-up").cells[2], "1.84");  // 1.12 / 0.61: of its own runtime, not torch's
}

TEST(Compare, BaselineKeepsToModelDataAndSize) {
  auto records = sample_records();
  Record other = records[2];
  other.model = "yolov5s-cls";
  EXPECT_EQ(accuracy_baseline(other, records), nullptr);
  other = records[2];
  other.data = "cifar10";
  EXPECT_EQ(accuracy_baseline(other, records), nullptr);
  other = records[2];
  other.imgsz = 32;
  EXPECT_EQ(accuracy_baseline(other, records), nullptr);
}

TEST(Compare, ParentGoesBeforeSeedBeforeRuntime) {
  auto records = sample_records();
  Record seeded = records[0];
  seeded.seed = 5;
  records.push_back(seeded);
  Record cell = records[2];
  cell.seed = 5;
  EXPECT_EQ(accuracy_baseline(cell, records), &records.back());
  cell = records[2];
  cell.parent_sha256 = "the parent";
  records[1].model_sha256 = "the parent";
  EXPECT_EQ(accuracy_baseline(cell, records), &records[1]);
}

// Of equal weights on another device, task, data set or seed are other rows: what they say is no baseline.
TEST(Compare, ParentElsewhereIsNoBaseline) {
  const auto all = sample_records();
  std::vector<Record> records{all[0]};
  records[0].model_sha256 = "the parent";
  Record cell = all[2];
  cell.parent_sha256 = "the parent";
  EXPECT_EQ(accuracy_baseline(cell, records), &records[0]);
  for (const auto& change : std::initializer_list<void (*)(Record&)>{
           [](Record& r) { r.device = "jetson-nano"; }, [](Record& r) { r.task = "detect"; },
           [](Record& r) { r.data = "cifar10"; }, [](Record& r) { r.seed = 7; }, [](Record& r) { r.imgsz = 32; }}) {
    records[0] = all[0];
    records[0].model_sha256 = "the parent";
    change(records[0]);
    EXPECT_EQ(accuracy_baseline(cell, records), nullptr);
    EXPECT_EQ(latency_baseline(cell, records), nullptr);
  }
}

// Of two float rows of the same weights the one that was timed with it; a parent goes before.
TEST(Compare, BaselineOfTheSameTimingGoesFirst) {
  const auto all = sample_records();
  std::vector<Record> records{all[0], all[0], all[0]};
  records[0].timing_id = "one";
  records[1].timing_id = "two";
  records[2].timing_id = "three";
  Record cell = all[2];
  cell.timing_id = "two";
  EXPECT_EQ(accuracy_baseline(cell, records), &records[1]);
  EXPECT_EQ(latency_baseline(cell, records), &records[1]);
  cell.parent_sha256 = records[2].model_sha256 = "the parent";
  EXPECT_EQ(accuracy_baseline(cell, records), &records[2]);
  EXPECT_EQ(latency_baseline(cell, records), &records[1]) << "the other was not timed with it";
}

TEST(Compare, LatencyBaselineIsOfTheSameRuntimeOrNone) {
  auto records = sample_records();
  EXPECT_EQ(latency_baseline(records[2], records), &records[0]);
  Record cell = records[2];
  cell.runtime = "native";
  EXPECT_EQ(latency_baseline(cell, records), nullptr);
  EXPECT_NE(accuracy_baseline(cell, records), nullptr);
  cell = records[2];
  cell.threads = 1;
  EXPECT_EQ(latency_baseline(cell, records), nullptr);
}

TEST(Compare, DetectionRecordsUseMeanAveragePrecision) {
  auto records = sample_records();
  for (Record& record : records) {
    record.task = "detect";
    record.map_50_95 = record.top1;
    record.map_50 = record.top5;
    record.top1 = {};
  }
  EXPECT_EQ(sections(records)[0].metric, Metric::map_50_95);
  for (Record& record : records) record.map_50_95 = {};
  EXPECT_EQ(sections(records)[0].metric, Metric::map_50);
}

TEST(Csv, ReadsBackAsWritten) {
  auto records = sample_records();
  records[0].reason = "a \"quoted\", broken\r\nline";
  const auto rows = parse_csv(csv(records));
  ASSERT_EQ(rows.size(), records.size() + 1);
  const auto& names = rows[0];
  ASSERT_EQ(names.size(), record::fields().size());
  for (size_t r = 0; r < records.size(); ++r) {
    const Json json = record::to_json(records[r]);
    ASSERT_EQ(rows[r + 1].size(), names.size());
    for (size_t f = 0; f < names.size(); ++f) {
      const Json& value = json.at(names[f]);
      const std::string expected = value.is_null() ? "" : value.is_string() ? value.get<std::string>() : value.dump();
      EXPECT_EQ(rows[r + 1][f], expected) << names[f];
    }
  }
}

TEST(Markdown, RowsHaveTheHeadsCells) {
  auto records = sample_records();
  records[0].setting = "a|b";
  const auto lines = lines_of(markdown(records));
  const auto bars = [](const std::string& line) {
    int64_t count = 0;
    for (size_t i = 0; i < line.size(); ++i) count += line[i] == '|' && (i == 0 || line[i - 1] != '\\');
    return count;
  };
  for (size_t i = 1; i < 11; ++i) EXPECT_EQ(bars(lines[i]), bars(lines[0])) << lines[i];
}

TEST(Format, ThreeDigits) {
  EXPECT_EQ(three_digits(0.01234), "0.0123");
  EXPECT_EQ(three_digits(1.2345), "1.23");
  EXPECT_EQ(three_digits(12.345), "12.3");
  EXPECT_EQ(three_digits(1234.5), "1234");
  EXPECT_EQ(three_digits(0), "0");
}

}  // namespace
}  // namespace quench::report
