// The loop of evaluation, what comes of it, and how it travels.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "error_testing.h"
#include "score/evaluate.h"

namespace quench::score {
namespace {

/// A classifier of three classes without a layer: its input is its output.
graph::Graph pass_through() {
  graph::Graph graph;
  graph.edges.push_back({});
  graph.edges.back().shape = {1, 3};
  graph.edges.back().name = "scores";
  graph.inputs = graph.outputs = {0};
  graph.metadata["task"] = "classify";
  return graph;
}

const std::vector<std::string> kClasses{"a", "b", "c"};

/// Batches of images whose first pixel says which class the "model" sees; the truth is class 1.
ImageSource batches(std::vector<std::vector<uint8_t>> seen) {
  return [seen, next = size_t{0}]() mutable -> std::optional<LabelledImages> {
    if (next == seen.size()) return std::nullopt;
    LabelledImages out{Tensor(DType::u8, {static_cast<int64_t>(seen[next].size()), 1}), {}};
    std::ranges::copy(seen[next], out.images.mutable_values<uint8_t>().begin());
    Truth truth;
    truth.label = 1;
    out.truths.assign(seen[next++].size(), truth);
    return out;
  };
}

std::vector<Tensor> run(const Tensor& images) {
  Tensor scores(DType::f32, {images.shape()[0], 3});
  const auto values = scores.mutable_values<float>();
  const auto seen = images.values<uint8_t>();
  for (size_t i = 0; i < seen.size(); ++i) {
    for (size_t c = 0; c < 3; ++c) values[3 * i + c] = c == seen[i] ? 1.0f : 0.0f;
    if (seen[i] == 9) values[3 * i] = std::numeric_limits<float>::quiet_NaN();
  }
  return {scores};
}

TEST(Evaluate, EveryImageOnceInOrder) {
  const auto scorer = make_scorer(pass_through(), kClasses, nullptr);
  std::vector<int32_t> heard;
  std::vector<int64_t> shown;
  int runs = 0;
  LogSink log;
  log.step = [&](const Step& now) {
    EXPECT_EQ(now.total, 5);
    shown.push_back(now.done);
  };
  Watch watch{.total = 5, .log = &log};
  watch.heard = [&](const Answer& answer, std::span<const Tensor> outputs, int64_t in_batch) {
    EXPECT_LT(in_batch, outputs[0].shape()[0]);
    EXPECT_EQ(scorer->images(), static_cast<int64_t>(heard.size())) << "before it is added";
    heard.push_back(answer.verdict.prediction);
  };
  watch.after_run = [&] { ++runs; };
  evaluate(*scorer, batches({{1, 2}, {1}, {0, 2}}), run, watch);
  EXPECT_EQ(heard, (std::vector<int32_t>{1, 2, 1, 0, 2}));
  EXPECT_EQ(shown, (std::vector<int64_t>{2, 3, 5}));
  EXPECT_EQ(runs, 3);
  const Evaluation result = scorer->result();
  EXPECT_EQ(result.samples, 5);
  EXPECT_EQ(result.predictions, heard);
  EXPECT_DOUBLE_EQ(score_of(result.scores, "top1"), 0.4);
}

TEST(Evaluate, OutputsThatAreNotFiniteAreAnError) {
  const auto scorer = make_scorer(pass_through(), kClasses, nullptr);
  const auto [kind, text] = error_of([&] { evaluate(*scorer, batches({{1, 2}, {0, 9}}), run, {}); });
  EXPECT_EQ(kind, ErrorKind::data);
  EXPECT_NE(text.find("got nan in 'scores'"), std::string::npos) << text;
}

TEST(Evaluate, StopsBetweenRuns) {
  const auto scorer = make_scorer(pass_through(), kClasses, nullptr);
  CancelToken cancel;
  Watch watch{.cancel = &cancel};
  watch.after_run = [&] { cancel.cancel(); };
  EXPECT_EQ(error_of([&] { evaluate(*scorer, batches({{1}, {1}}), run, watch); }).first, ErrorKind::cancelled);
  EXPECT_EQ(scorer->images(), 1);
}

Evaluation boxes(std::vector<models::Detection> first, std::vector<models::Detection> second) {
  return {{{"map_50_95", 0.25}}, 2, {}, {}, {std::move(first), std::move(second)}};
}

TEST(Evaluation, AgreementOfBoxes) {
  const models::Detection cup{{0, 0, 10, 10}, 0.9f, 0}, near{{0, 0, 10, 9}, 0.8f, 0}, far{{20, 0, 30, 10}, 0.9f, 0};
  const models::Detection jug{{0, 0, 10, 10}, 0.9f, 1};
  EXPECT_EQ(agreement(boxes({cup}, {far}), boxes({near}, {far})), 1);
  EXPECT_EQ(agreement(boxes({cup}, {}), boxes({jug}, {})), 0) << "another class";
  EXPECT_EQ(agreement(boxes({cup}, {}), boxes({}, {cup})), 0) << "another image";
  EXPECT_DOUBLE_EQ(agreement(boxes({cup, far}, {}), boxes({near}, {})), 2.0 / 3);
  EXPECT_DOUBLE_EQ(agreement(boxes({cup}, {}), boxes({near, near}, {})), 2.0 / 3) << "a box has one partner";
  EXPECT_EQ(agreement(boxes({}, {}), boxes({}, {})), 1);
  EXPECT_EQ(error_of([&] { agreement(boxes({}, {}), Evaluation{{}, 1, {}, {}, {{}}}); }).first, ErrorKind::internal);
}

TEST(Evaluation, TravelsAsJson) {
  const models::Detection found{{0.1, 1.0 / 3, 1e-3, 700.7}, 0.3f, 7};
  for (const Evaluation& whole :
       {boxes({found, found}, {}),
        Evaluation{{{"top1", 1.0 / 3}, {"top5", 1}}, 3, {{7, "a.jpg", "damaged"}}, {1, -1, 40}, {}},
        Evaluation{{{"top1", 1}}, 2, {}, {1, 1}, {}, metrics::Outcomes{"t", {0, 0}, {}}}}) {
    const std::string text = to_json(whole).dump();
    EXPECT_TRUE(evaluation_from(parse_json(text, "t"), "t") == whole) << text;
  }
}

TEST(Evaluation, WhatIsNoneIsToldByName) {
  const char* const cases[] = {
      "3",
      "{}",
      R"({"scores": 3, "samples": 1, "left_out": [], "predictions": [1], "detections": []})",
      R"({"scores": {}, "samples": "1", "left_out": [], "predictions": [], "detections": []})",
      R"({"scores": {"top1": 7}, "samples": 1, "left_out": [], "predictions": [1], "detections": []})",
      R"({"scores": {"top1": 1}, "samples": 1, "left_out": [], "predictions": [], "detections": []})",
      R"({"scores": {}, "samples": 1, "left_out": [["a.jpg"]], "predictions": [1], "detections": []})",
      R"({"scores": {}, "samples": 2, "left_out": [], "predictions": [1], "detections": []})",
      R"({"scores": {}, "samples": 1, "left_out": [], "predictions": [1], "detections": [], "outcomes": {"truth": "", "ahead": "00"}})",
      R"({"scores": {}, "samples": 1, "left_out": [], "predictions": [-2], "detections": []})",
      R"({"scores": {}, "samples": 1, "left_out": [], "predictions": ["cat"], "detections": []})",
      R"({"scores": {}, "samples": 2, "left_out": [], "predictions": [], "detections": [[]]})",
      R"({"scores": {}, "samples": 1, "left_out": [], "predictions": [], "detections": [[[0, 0.5, 1, 2, 3]]]})",
      R"({"scores": {}, "samples": 1, "left_out": [], "predictions": [], "detections": [[[0, 0.5, 1, 2, 3, null]]]})",
      R"({"scores": {}, "samples": 1, "left_out": [], "predictions": [], "detections": [[[-1, 0.5, 1, 2, 3, 4]]]})",
      R"({"scores": {}, "samples": 1, "left_out": [], "predictions": [], "detections": [[[0, 1e39, 1, 2, 3, 4]]]})",
  };
  evaluation_from(
      parse_json(R"({"scores": {}, "samples": 1, "left_out": [], "predictions": [1], "detections": []})", "t"), "fit");
  for (const char* text : cases) {
    const auto [kind, message] = error_of([&] { evaluation_from(parse_json(text, "t"), "nano"); });
    EXPECT_EQ(kind, ErrorKind::data) << text;
    EXPECT_NE(message.find("nano"), std::string::npos) << message;
  }
}

}  // namespace
}  // namespace quench::score
