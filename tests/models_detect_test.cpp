// Detection heads: reading, decoding, non-maximum suppression. Laws and hand-computed values; the golden detections of
// released weights are compared in study_detect_golden_test.

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/error.h"
#include "core/rng.h"
#include "error_testing.h"
#include "models/decode.h"
#include "models/nms.h"
#include "models/spec.h"

namespace quench::models {
namespace {

double logistic(double x) { return 1 / (1 + std::exp(-x)); }

DetectHead anchor_head(int classes) {
  DetectHead head;
  for (int c = 0; c < classes; ++c) head.classes.push_back(std::to_string(c));
  head.strides = {8};
  head.anchors = {{{10, 13}, {16, 30}}};
  return head;
}

DetectHead free_head(int classes, int64_t reg_max) {
  DetectHead head;
  for (int c = 0; c < classes; ++c) head.classes.push_back(std::to_string(c));
  head.strides = {16};
  head.reg_max = reg_max;
  return head;
}

Tensor filled(const Shape& shape, float value) {
  Tensor tensor(DType::f32, shape);
  for (float& v : tensor.mutable_values<float>()) v = value;
  return tensor;
}

TEST(DetectHead, OfEveryDetector) {
  for (const std::string& name : names()) {
    if (name.ends_with("-cls")) continue;
    const DetectHead head = detect_head(build(name, {.classes = {"a", "b"}, .imgsz = 64}));
    EXPECT_EQ(head.strides, (std::vector<int64_t>{8, 16, 32})) << name;
    EXPECT_EQ(head.class_count(), 2) << name;
    EXPECT_EQ(head.anchor_free(), name.starts_with("yolov8")) << name;
  }
}

TEST(DetectHead, SaysWhatIsMissing) {
  const graph::Graph good = build("yolov5n", {.classes = {"a"}, .imgsz = 64});
  const auto message = [&](auto&& change) -> std::string {
    graph::Graph graph = good;
    change(graph);
    try {
      detect_head(graph);
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  };
  EXPECT_NE(message([](graph::Graph& g) { g.metadata["task"] = "classify"; }).find("'classify'"), std::string::npos);
  EXPECT_NE(message([](graph::Graph& g) { g.metadata.erase("strides"); }).find("'strides'"), std::string::npos);
  EXPECT_NE(message([](graph::Graph& g) { g.metadata["anchors"] = "[[1,2],[3,4]]"; }).find("3 levels"),
            std::string::npos);
  EXPECT_NE(message([](graph::Graph& g) { g.metadata["anchors"] = "[[1],[3,4],[5,6]]"; }).find("a height"),
            std::string::npos);
  EXPECT_NE(message([](graph::Graph& g) { g.metadata["anchors"] = "[[-1,2],[3,4],[5,6]]"; }).find("above 0"),
            std::string::npos);
  EXPECT_NE(message([](graph::Graph& g) { g.metadata["classes"] = R"(["a","b"])"; }).find("channels"),
            std::string::npos);
  EXPECT_NE(message([](graph::Graph& g) { g.metadata.erase("anchors"); }).find("'reg_max'"), std::string::npos);
}

TEST(Decode, AnchorsByHand) {
  const DetectHead head = anchor_head(3);
  Tensor output = filled({2, 2 * 8, 2, 3}, -20);
  // image 1, anchor 1, row 1, column 2
  const auto at = [&](int64_t k) -> float& {
    return output.mutable_values<float>()[static_cast<size_t>((((1 * 2 + 1) * 8 + k) * 2 + 1) * 3 + 2)];
  };
  const float values[] = {0.3f, -0.7f, 1.1f, -0.2f, 2.0f, -1.0f, 0.5f, -3.0f};
  for (int k = 0; k < 8; ++k) at(k) = values[k];
  EXPECT_EQ(decode(head, std::vector{output}, 0, 0.01f).count(), 0);
  const Candidates found = decode(head, std::vector{output}, 1, 0.01f);
  ASSERT_EQ(found.count(), 1);
  const double x = (2 * logistic(0.3f) - 0.5 + 2) * 8, y = (2 * logistic(-0.7f) - 0.5 + 1) * 8;
  const double w = std::pow(2 * logistic(1.1f), 2) * 16, h = std::pow(2 * logistic(-0.2f), 2) * 30;
  const double expected[] = {x - w / 2, y - h / 2, x + w / 2, y + h / 2};
  for (int i = 0; i < 4; ++i) EXPECT_NEAR(found.boxes[i], expected[i], 1e-4);
  for (int c = 0; c < 3; ++c) EXPECT_NEAR(found.scores[c], logistic(2) * logistic(values[5 + c]), 1e-6);
}

TEST(Decode, AnchorFreeByHand) {
  const DetectHead head = free_head(2, 4);
  Tensor sides = filled({1, 16, 2, 2}, 0);  // uniform: 1.5 bins
  Tensor scores = filled({1, 2, 2, 2}, -20);
  scores.mutable_values<float>()[4 + 3] = 1.0f;   // class 1, row 1, column 1
  sides.mutable_values<float>()[2 * 4 + 3] = 50;  // left: bin 2
  const Candidates found = decode(head, std::vector{sides, scores}, 0, 0.25f);
  ASSERT_EQ(found.count(), 1);
  const float expected[] = {24 - 32, 24 - 24, 24 + 24, 24 + 24};
  for (int i = 0; i < 4; ++i) EXPECT_NEAR(found.boxes[i], expected[i], 1e-4);
  EXPECT_NEAR(found.scores[1], logistic(1), 1e-6);
}

TEST(Decode, ThresholdIsExact) {  // the bound on logits must lose nothing
  Rng rng(3, "threshold");
  for (const float confidence : {0.0f, 0.001f, 0.25f, 0.5f, 0.9f}) {
    Tensor sides = filled({1, 4, 16, 16}, 0), scores = filled({1, 3, 16, 16}, 0);
    for (float& v : scores.mutable_values<float>()) v = static_cast<float>(rng.normal() * 5);
    const DetectHead head = free_head(3, 1);
    int64_t expected = 0;
    const auto values = scores.values<float>();
    for (int i = 0; i < 256; ++i) {
      const float best = std::max({values[i], values[256 + i], values[512 + i]});
      expected += 1.0f / (1.0f + std::exp(-best)) > confidence;
    }
    EXPECT_EQ(decode(head, std::vector{sides, scores}, 0, confidence).count(), expected) << confidence;
  }
}

/// Outputs with classes above and below any threshold, some of them equal.
Tensor random_output(Shape shape, Rng& rng) {
  Tensor output(DType::f32, std::move(shape));
  for (float& v : output.mutable_values<float>()) v = static_cast<float>(std::round(rng.normal() * 40) / 8);
  return output;
}

TEST(Decode, WhatIsLeftOutChangesNoBox) {  // classes that cannot reach the threshold are not computed
  Rng rng(4, "left out");
  for (const float confidence : {0.0f, 0.001f, 0.25f, 0.9f}) {
    for (const bool multi_label : {true, false}) {
      const NmsOptions options{.confidence = confidence, .multi_label = multi_label};
      const DetectHead free = free_head(37, 4);
      const std::vector<Tensor> two{random_output({1, 16, 13, 11}, rng), random_output({1, 37, 13, 11}, rng)};
      EXPECT_EQ(non_max_suppression(decode(free, two, 0, confidence), options),
                non_max_suppression(decode(free, two, 0, -1), options));
      const DetectHead anchors = anchor_head(37);
      const std::vector<Tensor> one{random_output({1, 2 * 42, 13, 11}, rng)};
      EXPECT_EQ(non_max_suppression(decode(anchors, one, 0, confidence), options),
                non_max_suppression(decode(anchors, one, 0, -1), options));
    }
  }
}

TEST(Decode, ScoresBelowTheThresholdMayBeZeroOthersAreNot) {
  Rng rng(5, "scores");
  const DetectHead head = anchor_head(37);
  const std::vector<Tensor> output{random_output({1, 2 * 42, 9, 7}, rng)};
  const Candidates some = decode(head, output, 0, 0.3f), all = decode(head, output, 0, -1);
  int64_t row = 0, above = 0;
  for (int64_t at = 0; at < all.count(); ++at) {
    const float* wanted = &all.scores[static_cast<size_t>(37 * at)];
    if (*std::max_element(wanted, wanted + 37) <= 0.3f) continue;
    ASSERT_LT(row, some.count());
    for (int c = 0; c < 37; ++c) {
      const float got = some.scores[static_cast<size_t>(37 * row + c)];
      EXPECT_TRUE(got == wanted[c] || (got == 0 && wanted[c] <= 0.3f)) << got << " for " << wanted[c];
      above += wanted[c] > 0.3f;
    }
    ++row;
  }
  EXPECT_EQ(row, some.count());
  EXPECT_GT(above, 100);
}

TEST(Decode, NanNeverCounts) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(decode(anchor_head(2), std::vector{filled({1, 14, 4, 4}, nan)}, 0, 0.0f).count(), 0);
  EXPECT_EQ(
      decode(free_head(2, 4), std::vector{filled({1, 16, 4, 4}, nan), filled({1, 2, 4, 4}, nan)}, 0, 0.0f).count(), 0);
}

TEST(Decode, WrongOutputs) {
  const DetectHead head = free_head(2, 4);
  EXPECT_THROW(decode(head, std::vector{filled({1, 16, 4, 4}, 0)}, 0, 0), Error);
  EXPECT_THROW(decode(head, std::vector{filled({1, 16, 4, 4}, 0), filled({1, 3, 4, 4}, 0)}, 0, 0), Error);
  EXPECT_THROW(decode(head, std::vector{filled({1, 16, 4, 4}, 0), filled({1, 2, 4, 5}, 0)}, 0, 0), Error);
  EXPECT_THROW(decode(head, std::vector{filled({1, 16, 4, 4}, 0), filled({1, 2, 4, 4}, 0)}, 1, 0), Error);
}

Candidates candidates(int64_t classes, const std::vector<std::vector<float>>& rows) {
  Candidates out;
  out.classes = classes;
  for (const std::vector<float>& row : rows) {
    out.boxes.insert(out.boxes.end(), row.begin(), row.begin() + 4);
    out.scores.insert(out.scores.end(), row.begin() + 4, row.end());
  }
  return out;
}

TEST(Nms, KeepsTheBestOfEachClass) {
  const Candidates boxes =
      candidates(2, {{0, 0, 10, 10, 0.5f, 0.6f}, {1, 0, 11, 10, 0.9f, 0.2f}, {20, 0, 30, 10, 0.3f, 0}});
  const auto kept = non_max_suppression(boxes, {.confidence = 0.1f, .iou = 0.5});
  ASSERT_EQ(kept.size(), 3u);
  EXPECT_EQ(kept[0], (Detection{{1, 0, 11, 10}, 0.9f, 0}));
  EXPECT_EQ(kept[1], (Detection{{0, 0, 10, 10}, 0.6f, 1}));
  EXPECT_EQ(kept[2], (Detection{{20, 0, 30, 10}, 0.3f, 0}));
  EXPECT_EQ(non_max_suppression(boxes, {.confidence = 0.1f, .iou = 0.5, .class_agnostic = true}).size(), 2u);
  EXPECT_EQ(non_max_suppression(boxes, {.confidence = 0.1f, .iou = 0.5, .max_detections = 1}).size(), 1u);
  const auto single = non_max_suppression(boxes, {.confidence = 0.1f, .iou = 0.5, .multi_label = false});
  ASSERT_EQ(single.size(), 3u);  // row 0 under class 1 alone, so nothing suppresses it
  EXPECT_EQ(single[1].label, 1);
}

/// The definition, without sorting tricks: repeatedly take the best that is left.
std::vector<Detection> slow_nms(const Candidates& candidates, const NmsOptions& options) {
  std::vector<Detection> left, kept;
  for (int64_t row = 0; row < candidates.count(); ++row) {
    const float* b = &candidates.boxes[static_cast<size_t>(4 * row)];
    for (int32_t c = 0; c < candidates.classes; ++c) {
      const float score = candidates.scores[static_cast<size_t>(row * candidates.classes + c)];
      if (score > options.confidence) left.push_back({{b[0], b[1], b[2], b[3]}, score, c});
    }
  }
  while (!left.empty() && static_cast<int64_t>(kept.size()) < options.max_detections) {
    const auto best = std::ranges::max_element(left, {}, &Detection::score);
    const Detection taken = *best;
    kept.push_back(taken);
    std::erase_if(left, [&](const Detection& d) {
      return d == taken || ((options.class_agnostic || d.label == taken.label) && iou(d.box, taken.box) > options.iou);
    });
  }
  return kept;
}

TEST(Nms, EqualsTheDefinition) {
  Rng rng(1, "nms");
  for (int round = 0; round < 20; ++round) {
    std::vector<std::vector<float>> rows;
    for (int i = 0; i < 200; ++i) {
      const auto x = static_cast<float>(rng.uniform() * 100), y = static_cast<float>(rng.uniform() * 100);
      const auto w = static_cast<float>(5 + rng.uniform() * 40), h = static_cast<float>(5 + rng.uniform() * 40);
      rows.push_back({x, y, x + w, y + h, static_cast<float>(rng.uniform()), static_cast<float>(rng.uniform())});
    }
    const Candidates boxes = candidates(2, rows);
    const NmsOptions options{.confidence = 0.2f, .iou = 0.45, .class_agnostic = round % 2 == 0};
    EXPECT_EQ(non_max_suppression(boxes, options), slow_nms(boxes, options));
  }
}

TEST(Nms, EqualsTheDefinitionWithTheBestClassAlone) {
  constexpr int kClasses = 21;
  Rng rng(2, "nms");
  for (int round = 0; round < 10; ++round) {
    std::vector<std::vector<float>> rows;
    Candidates best;
    best.classes = kClasses;
    for (int i = 0; i < 300; ++i) {
      const auto x = static_cast<float>(rng.uniform() * 60), y = static_cast<float>(rng.uniform() * 60);
      std::vector<float> row{x, y, x + 20, y + 20};
      for (int c = 0; c < kClasses; ++c) row.push_back(static_cast<float>(rng.below(64)) / 64);  // some equal
      rows.push_back(row);
      // Of equal ones the first counts.
      const auto top = std::max_element(row.begin() + 4, row.end());
      for (auto score = row.begin() + 4; score != row.end(); ++score) *score = score == top ? *score : 0;
      best.boxes.insert(best.boxes.end(), row.begin(), row.begin() + 4);
      best.scores.insert(best.scores.end(), row.begin() + 4, row.end());
    }
    const NmsOptions options{.confidence = 0.5f, .iou = 0.45, .multi_label = false, .class_agnostic = round % 2 == 0};
    EXPECT_EQ(non_max_suppression(candidates(kClasses, rows), options), slow_nms(best, options));
  }
}

TEST(Nms, BoxesFarDownTheListAreFound) {  // the list is sorted by parts
  std::vector<std::vector<float>> rows;
  for (int i = 0; i < 5000; ++i) rows.push_back({0, 0, 10, 10, 0.9f - static_cast<float>(i) * 1e-5f});
  rows.push_back({50, 0, 60, 10, 0.1f});
  rows.push_back({50, 50, 60, 60, 0.2f});
  const auto kept = non_max_suppression(candidates(1, rows), {.confidence = 0.05f, .iou = 0.5, .max_detections = 10});
  ASSERT_EQ(kept.size(), 3u);
  EXPECT_EQ(kept[0].score, 0.9f);
  EXPECT_EQ(kept[1].score, 0.2f);
  EXPECT_EQ(kept[2].score, 0.1f);
}

TEST(Nms, BadBoxes) {
  const float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
  const std::vector<std::vector<float>> wrong{{nan, 0, 1, 1, 0.9f}, {0, 0, inf, 1, 0.01f}, {0, 0, 1, 1, nan}};
  for (const std::vector<float>& row : wrong) {
    const auto [kind, message] = error_of([&] {
      non_max_suppression(candidates(1, {{2, 2, 3, 3, 0.5f}, row}), {.confidence = 0.1f});
    });
    EXPECT_EQ(kind, ErrorKind::data);
    EXPECT_NE(message.find("expected finite boxes and scores"), std::string::npos) << message;
  }
  const auto kept =
      non_max_suppression(candidates(1, {{2, 2, 2, 2, 0.5f}, {2, 2, 2, 2, 0.4f}}), {.confidence = 0.1f, .iou = 0.5});
  EXPECT_EQ(kept.size(), 2u);  // empty boxes cover nothing
  EXPECT_TRUE(non_max_suppression(candidates(3, {}), {}).empty());
  EXPECT_TRUE(non_max_suppression(candidates(1, {{2, 2, 3, 3, 0.5f}}), {.max_detections = 0}).empty());
  for (int at = 0; at < 21; ++at) {  // wherever among the classes
    std::vector<float> row{0, 0, 1, 1};
    row.resize(4 + 21, 0.5f);
    row[static_cast<size_t>(4 + at)] = at % 2 == 0 ? nan : inf;
    EXPECT_THROW(non_max_suppression(candidates(21, {row}), {.confidence = 0.1f}), Error) << at;
  }
}

TEST(Nms, ManyBoxes) {
  std::vector<std::vector<float>> rows;
  for (int i = 0; i < 100000; ++i) {
    const auto x = static_cast<float>(i % 1000), y = static_cast<float>(i / 1000);
    rows.push_back({x, y, x + 8, y + 8, static_cast<float>(i % 97) / 97});
  }
  const auto kept = non_max_suppression(candidates(1, rows), {});
  EXPECT_EQ(kept.size(), 300u);
  for (size_t i = 1; i < kept.size(); ++i) EXPECT_LE(kept[i].score, kept[i - 1].score);
}

}  // namespace
}  // namespace quench::models
