// The predictor: laws that hold for any weights. Golden predictions of released weights: study_predict_golden_test.
#include <algorithm>
#include <cmath>

#include "data/pictures/letterbox.h"
#include "data_testing.h"
#include "inference/annotated.h"
#include "inference_predict_samples.h"
#include "models/preparation.h"
#include "pixels/fit.h"

namespace quench::inference {
namespace {

using quench::testing::expect_error;

void expect_near(const std::vector<models::Detection>& a, const std::vector<models::Detection>& b, double tolerance) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].label, b[i].label);
    EXPECT_NEAR(a[i].score, b[i].score, 1e-6);
    EXPECT_NEAR(a[i].box.x1, b[i].box.x1, tolerance);
    EXPECT_NEAR(a[i].box.y1, b[i].box.y1, tolerance);
    EXPECT_NEAR(a[i].box.x2, b[i].box.x2, tolerance);
    EXPECT_NEAR(a[i].box.y2, b[i].box.y2, tolerance);
  }
}

TEST(Predictor, BoxesAreInTheImageAndBestFirst) {
  for (const char* name : {"yolov5n", "yolov8n"}) {
    const auto sample = detector({{"confidence", 0.0}}, name);
    EXPECT_TRUE(sample->predictor->detects());
    for (const auto& [height, width] : std::vector<std::pair<int, int>>{{64, 64}, {200, 90}, {33, 500}, {1, 1}}) {
      const Prediction prediction = sample->predictor->predict(noise(height, width));
      EXPECT_EQ(prediction.height, height);
      EXPECT_EQ(prediction.width, width);
      EXPECT_TRUE(prediction.top.empty());
      ASSERT_FALSE(prediction.detections.empty()) << name;
      EXPECT_LE(prediction.detections.size(), 20u);
      float last = 1;
      for (const models::Detection& found : prediction.detections) {
        EXPECT_GE(found.box.x1, 0);
        EXPECT_GE(found.box.y1, 0);
        EXPECT_LE(found.box.x2, width);
        EXPECT_LE(found.box.y2, height);
        EXPECT_GE(found.label, 0);
        EXPECT_LT(found.label, 3);
        EXPECT_LE(found.score, last);
        last = found.score;
      }
      EXPECT_GT(prediction.preprocess_ns, 0);
      EXPECT_GT(prediction.inference_ns, 0);
      EXPECT_GT(prediction.postprocess_ns, 0);
    }
  }
}

// What the model sees is the letterbox; boxes go back through it.
TEST(Predictor, SeesTheLetterbox) {
  const auto sample = detector();
  const Tensor image = noise(40, 90);
  const data::Letterbox fitted = data::letterbox(40, 90, 64, 64);
  Tensor canvas(DType::u8, {64, 64, 3});
  data::draw(image, fitted, canvas.mutable_values<uint8_t>().data());
  std::vector<models::Detection> wanted = sample->predictor->predict(canvas).detections;
  // Clipping to the canvas, then to the image, is clipping to the image.
  for (models::Detection& found : wanted) found.box = fitted.to_image(found.box);
  expect_near(sample->predictor->predict(image).detections, wanted, 1e-6);
}

TEST(Predictor, RectOfASquareImageIsTheSame) {
  const Tensor image = noise(100, 100);
  expect_near(detector({{"rect", true}})->predictor->predict(image).detections,
              detector()->predictor->predict(image).detections, 1e-6);
}

TEST(Predictor, RectSeesNoMoreThanItMust) {
  const auto sample = detector({{"rect", true}});
  const Tensor image = noise(64, 256);  // 16 x 64 in a canvas of 32 x 64
  const data::Letterbox fitted = data::rect_letterbox(64, 256, 64, 32);
  ASSERT_EQ(fitted.canvas_height, 32);
  Tensor canvas(DType::u8, {32, 64, 3});
  data::draw(image, fitted, canvas.mutable_values<uint8_t>().data());
  std::vector<models::Detection> wanted = sample->predictor->predict(canvas).detections;
  for (models::Detection& found : wanted) found.box = fitted.to_image(found.box);
  expect_near(sample->predictor->predict(image).detections, wanted, 1e-6);
}

TEST(Predictor, AnotherSizeIsTheModelBuiltForIt) {
  const auto at_96 = detector({{"imgsz", 96}});
  const auto built =
      sample_of(model_file(models::build("yolov5n", {.classes = {"cat", "dog", "big, \"red\" bus"}, .imgsz = 96})),
                {{"confidence", 1e-7}, {"max_detections", 20}});
  const Tensor image = noise(80, 120);
  expect_near(at_96->predictor->predict(image).detections, built->predictor->predict(image).detections, 1e-6);
  expect_error(ErrorKind::config, {"32", "70"}, [] { detector({{"imgsz", 70}}); });
}

TEST(Predictor, OneLabelABoxByDefault) {
  const Json defaults = config::predict_options().defaults();
  EXPECT_EQ(defaults["confidence"], 0.25);
  EXPECT_EQ(defaults["iou"], 0.45);
  EXPECT_EQ(defaults["max_detections"], 300);
  EXPECT_EQ(defaults["multi_label"], false);
  EXPECT_EQ(defaults["rect"], false);
  const Tensor image = noise(64, 64);
  const auto one = detector({{"iou", 1.0}, {"max_detections", 1000}})->predictor->predict(image).detections;
  const auto all =
      detector({{"iou", 1.0}, {"max_detections", 1000}, {"multi_label", true}})->predictor->predict(image).detections;
  EXPECT_EQ(all.size(), 3 * one.size());
}

TEST(Predictor, AClassifierGivesFiveClassesThatAreShares) {
  const auto sample = classifier();
  EXPECT_FALSE(sample->predictor->detects());
  for (const auto& [height, width] : std::vector<std::pair<int, int>>{{32, 32}, {70, 50}, {5, 8}}) {
    const Prediction prediction = sample->predictor->predict(noise(height, width));
    EXPECT_TRUE(prediction.detections.empty());
    ASSERT_EQ(prediction.top.size(), 5u);
    double sum = 0;
    for (size_t i = 0; i < 5; ++i) {
      sum += prediction.top[i].score;
      EXPECT_GT(prediction.top[i].score, 0);
      if (i > 0) {
        EXPECT_LE(prediction.top[i].score, prediction.top[i - 1].score);
      }
    }
    EXPECT_LE(sum, 1);
    EXPECT_GT(sum, 5.0 / 7 - 1e-6) << "the five largest of seven";
  }
  EXPECT_EQ(sample->predictor->class_name(6), "g");
  EXPECT_EQ(sample->predictor->class_name(7), "7");
}

TEST(Predictor, AClassifiersPicturesArePreparedAsItSays) {
  graph::Graph graph = models::build("yolov8n-cls", {.classes = {"x", "y"}, .imgsz = 32});
  const Tensor picture = noise(70, 50);
  for (auto& [name, weight] : graph.weights) {  // initial weights see hardly anything of a picture
    if (weight.value.shape().size() != 4) continue;
    for (float& value : weight.value.mutable_values<float>()) value *= 3;
  }
  const float own = sample_of(model_file(graph))->predictor->predict(picture).top[0].score;
  const pixels::Preparation wanted{.resampling = pixels::Resampling::bilinear_antialias};
  models::set_preparation(graph, wanted);
  const Prediction said = sample_of(model_file(graph))->predictor->predict(picture);
  EXPECT_NE(said.top[0].score, own);
  // A picture that is prepared already: of the size that is wanted, so it stays.
  const Tensor prepared = pixels::fit_image(picture, 32, wanted);
  EXPECT_EQ(said.top[0].score, sample_of(model_file(graph))->predictor->predict(prepared).top[0].score);
  graph.metadata["preparation"] = "by hand";
  EXPECT_THROW(sample_of(model_file(graph)), Error);
}

TEST(Predictor, AClassifierOfTwoClassesGivesBoth) {
  const auto sample = sample_of(model_file(models::build("yolov8n-cls", {.classes = {"x", "y"}, .imgsz = 32})));
  const Prediction prediction = sample->predictor->predict(noise(32, 32));
  ASSERT_EQ(prediction.top.size(), 2u);
  EXPECT_NEAR(prediction.top[0].score + prediction.top[1].score, 1, 1e-6);
}

TEST(Predictor, RefusesWhatItCannotUse) {
  graph::Graph graph = models::build("yolov5n-cls", {.classes = {"x", "y"}, .imgsz = 32});
  graph.metadata["task"] = "segment";
  expect_error(ErrorKind::data, {"detect", "classify", "segment"}, [&] { sample_of(model_file(graph)); });
  const auto sample = detector();
  expect_error(ErrorKind::internal, {"[h,w,3]"}, [&] { sample->predictor->predict(Tensor(DType::u8, {3, 4, 4})); });
}

}  // namespace
}  // namespace quench::inference
