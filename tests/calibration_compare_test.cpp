// Calibrations against one another: ranges of choices are those of calibrating on them, rows, what is recommended.
#include <gtest/gtest.h>

#include "calibration/command.h"
#include "calibration/compare.h"
#include "calibration/ranges.h"
#include "calibration/rows.h"
#include "calibration_testing.h"
#include "config/yaml.h"
#include "error_testing.h"
#include "quant/calibrate.h"
#include "quant/placement_settings.h"
#include "report/layer_page.h"

namespace quench::calibration {
namespace {

using Kind = GradientDataset::Kind;
using quant::branched_graph;

const std::vector<std::string> kObservers = {"minmax", "percentile", "mse", "entropy", "aciq"};

Findings findings_of(const data::Splits& data, std::initializer_list<std::pair<const char*, Json>> changes = {}) {
  return compare(file_of(branched_graph()), data, calibrate_settings(changes), {}, CancelToken{});
}

TEST(Ranges, AreThoseOfCalibratingOnTheSamePictures) {
  const data::Splits data = gradient_splits(160);
  std::vector<int64_t> all;
  for (int64_t i = 0; i < 160; ++i) all.push_back(i);
  for (const char* activations : {"asymmetric", "symmetric"}) {
    for (const bool tables : {false, true}) {
      Json settings = config::quantize_options().defaults();
      settings["activations"] = activations;
      settings["silu_tables"] = tables;
      settings["percentile"] = 99.5;
      const quant::Placement placement = quant::place(branched_graph(), quant::placement_options(settings));
      const std::vector<Picture> pictures = look_at_pictures(placement, data, all, {}, CancelToken{});
      for (const int64_t count : {40, 64, 150}) {
        const data::Subset subset = data::calibration_subset(*data.train, count, 3);
        const std::vector<size_t> chosen(subset.indices.begin(), subset.indices.end());
        const std::vector<Ranges> found = ranges_of(placement, pictures, chosen, kObservers, settings);
        for (size_t o = 0; o < kObservers.size(); ++o) {
          const quant::Calibration expected =
              quant::calibrate(placement, data.train, subset.indices,
                               {kObservers[o], 99.5, std::string(activations) == "symmetric"}, {}, CancelToken{});
          EXPECT_EQ(found[o], expected.params) << kObservers[o] << " on " << count;
        }
      }
    }
  }
}

TEST(Compare, RowsAreWholeAndTheBestIsFirst) {
  const Findings found = findings_of(gradient_splits(400), {{"compare", true}, {"exclude", Json::array({"4"})}});
  EXPECT_EQ(found.combinations, 5 * 3 * (3 * 2 + 1));  // observers, seeds, choices x counts and one exclusion
  EXPECT_LE(found.different, found.combinations);
  ASSERT_EQ(found.entries.size(), 5u * 7);
  EXPECT_EQ(found.score_images, 40);
  EXPECT_EQ(found.score_name, "top1");
  EXPECT_GT(found.bytes, 0u);
  for (size_t i = 0; i < found.entries.size(); ++i) {
    const Entry& entry = found.entries[i];
    ASSERT_EQ(entry.trials.size(), 3u);
    for (const Trial& trial : entry.trials) {
      EXPECT_EQ(trial.images, entry.count - entry.excluded);
      EXPECT_GT(trial.error, 0);
    }
    EXPECT_TRUE(entry.error_db.half.has_value());
    if (i == 0) continue;
    const Entry& before = found.entries[i - 1];
    EXPECT_GE(before.as_good, entry.as_good);
    if (entry.as_good) {
      EXPECT_GE(before.error_db.mean, entry.error_db.mean);
    } else if (!before.as_good) {
      EXPECT_GE(before.score.mean, entry.score.mean);
    }
  }
  EXPECT_TRUE(found.entries.front().as_good);
  EXPECT_EQ(rows_of(found).size(), found.entries.size() + 1);
  EXPECT_EQ(rows_of(found).front().size(), rows_of(found).back().size());
  EXPECT_NE(report::layer_page(page_of(found)).find("Recommended"), std::string::npos);
  EXPECT_EQ(to_json(found)["entries"].size(), found.entries.size());
}

// The row's command makes the very model: its error is that of the trial.
TEST(Compare, WhatIsRecommendedIsWhatQuantizeMakes) {
  const data::Splits data = gradient_splits(400);
  for (const char* choice : {"random", "hard"}) {
    const Findings found = findings_of(data, {{"compare", true},
                                              {"choices", Json::array({choice})},
                                              {"exclude", Json::array()},
                                              {"observers", Json::array({"mse"})},
                                              {"counts", Json::array({"24"})},
                                              {"bits_a", 5}});
    Json settings = config::quantize_options().defaults();
    settings["bits_a"] = 5;
    settings["observer"] = "mse";
    if (std::string(choice) == "random") {
      EXPECT_EQ(found.command,
                "quench quantize model.onnx --data gradients --bits-a 5 --calibration-images 24 -o q.onnx");
      EXPECT_EQ(found.settings_yaml, "");
      settings["calibration_images"] = 24;
    } else {
      EXPECT_EQ(found.command,
                "quench quantize model.onnx --data gradients --bits-a 5 --config pictures.yaml -o q.onnx");
      settings.update(config::parse_yaml(found.settings_yaml, "pictures.yaml"));
    }
    const quant::Placement placement = quant::place(branched_graph(), quant::placement_options(settings));
    const graph::Graph made = quant::prepare(branched_graph(), data, settings, {}, CancelToken{}).graph;
    std::vector<int64_t> all;
    for (int64_t i = 0; i < 400; ++i) all.push_back(i);
    const auto pictures = look_at_pictures(placement, data, all, {}, CancelToken{});
    const std::vector<size_t> chosen(found.recommended_pictures.begin(), found.recommended_pictures.end());
    EXPECT_EQ(chosen.size(), 24u);
    const Ranges ranges = ranges_of(placement, pictures, chosen, {"mse"}, settings).at(0);
    for (size_t g = 0; g < ranges.size(); ++g) {
      EXPECT_EQ(made.edge(placement.groups[g].front()).quant, quant::for_target(ranges[g], quant::Target::native));
    }
  }
}

TEST(Compare, SettingsThatChangeNothingAreTold) {
  const Findings found = findings_of(gradient_splits(300), {{"percentile", 100.0}});
  int dead = 0;
  for (const SameRanges& one : found.same) {
    const bool is_minmax = one.as == "minmax" && one.observer == "percentile";  // all values kept
    EXPECT_EQ(one.equal == one.groups, is_minmax) << one.observer << " " << one.as;
    dead += is_minmax;
  }
  EXPECT_EQ(dead, 1);
  std::string told;
  for (const std::string& line : facts_of(found)) told += line + "\n";
  EXPECT_NE(told.find("Dead setting: percentile gives the ranges of minmax in all"), std::string::npos) << told;
  EXPECT_TRUE(advice_of(found).empty()) << "nothing was compared";
}

TEST(Compare, PoisonedPicturesAreTold) {
  const Findings found =
      findings_of(gradient_splits(150, {{11, {Kind::flat}}, {40, {Kind::copy, 12}}, {77, {Kind::noise}}}),
                  {{"candidates", 150}, {"seeds", 2}, {"score_images", 1}});
  std::map<int64_t, PictureFinding> bad;
  for (const PictureFinding& one : found.findings) {
    if (one.is_bad()) bad[one.index] = one;
  }
  ASSERT_TRUE(bad.contains(77) && bad.contains(11));
  EXPECT_TRUE(bad[11].flat);
  EXPECT_TRUE(bad[77].strange);
  EXPECT_EQ(bad[40].copy_of, 12);
  EXPECT_EQ(bad.size(), 3u);
  std::string told;
  for (const std::string& line : facts_of(found)) told += line + "\n";
  EXPECT_NE(told.find("is flat: 11."), std::string::npos) << told;
  EXPECT_NE(told.find("another world"), std::string::npos) << told;
}

TEST(Compare, BadInputIsAnError) {
  const data::Splits data = gradient_splits(100);
  expect_error(
      [&] { compare(file_of(quant::prepared_graph(branched_graph())), data, calibrate_settings(), {}, CancelToken{}); },
      ErrorKind::config, "expected a float model");
  expect_error([&] { findings_of(data, {{"counts", Json::array({"many"})}}); }, ErrorKind::config, "counts");
  expect_error([&] { findings_of(data, {{"counts", Json::array({"0"})}}); }, ErrorKind::config, "counts");
  expect_error(
      [&] {
        findings_of(data, {{"compare", true}, {"exclude", Json::array({"500"})}});
      },
      ErrorKind::config, "exclude");
  expect_error([&] { findings_of(data, {{"observers", Json::array()}}); }, ErrorKind::config, "observers");
  expect_error([&] { findings_of(data, {{"float_layers", Json::array({"nothing"})}}); }, ErrorKind::config, "nothing");
  CancelToken cancelled;
  cancelled.cancel();
  expect_error([&] { compare(file_of(branched_graph()), data, calibrate_settings(), {}, cancelled); },
               ErrorKind::cancelled, "");
}

TEST(CalibrationList, IsCalibratedOnAndChecked) {
  const data::Splits data = gradient_splits(100);
  Json settings = config::quantize_options().defaults();
  settings["calibration_images"] = 20;
  const quant::Prepared by_seed = quant::prepare(branched_graph(), data, settings, {}, CancelToken{});
  Json list = Json::array();
  for (const int64_t index : data::calibration_subset(*data.train, 20, 0).indices)
    list.push_back(std::to_string(index));
  std::reverse(list.begin(), list.end());
  settings["calibration_images"] = 90;
  settings["calibration_list"] = list;
  const quant::Prepared by_list = quant::prepare(branched_graph(), data, settings, {}, CancelToken{});
  EXPECT_EQ(by_list.graph, by_seed.graph);
  for (const auto& [bad, told] : std::vector<std::pair<Json, const char*>>{{Json::array(), "got none"},
                                                                           {Json::array({"3", "3"}), "3 twice"},
                                                                           {Json::array({"100"}), "0 to 99"},
                                                                           {Json::array({"-1"}), "whole numbers"},
                                                                           {Json::array({"x"}), "whole numbers"}}) {
    settings["calibration_list"] = bad;
    expect_error([&] { quant::prepare(branched_graph(), data, settings, {}, CancelToken{}); }, ErrorKind::config, told);
  }
}

}  // namespace
}  // namespace quench::calibration
