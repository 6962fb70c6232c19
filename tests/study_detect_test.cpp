// A study of a detector, whole and small: training, PTQ, QAT, evaluation, records.

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "config/yaml.h"
#include "core/file.h"
#include "core/rng.h"
#include "data/pictures/image_file.h"
#include "graph/onnx_write.h"
#include "inference/registry.h"
#include "models/spec.h"
#include "study/run.h"

namespace quench::study {
namespace {

namespace fs = std::filesystem;

constexpr int kSide = 64;

/// Pictures with one bright rectangle each: red ones are class 0, blue ones class 1.
void write_rectangles(const fs::path& folder, const std::string& split, int count) {
  for (int i = 0; i < count; ++i) {
    Rng rng(3, split, static_cast<uint64_t>(i));
    const int w = 16 + static_cast<int>(rng.below(24)), h = 16 + static_cast<int>(rng.below(24));
    const int x = static_cast<int>(rng.below(kSide - w)), y = static_cast<int>(rng.below(kSide - h));
    const int label = i % 2;
    Tensor pixels(DType::u8, {kSide, kSide, 3});
    const std::span<uint8_t> values = pixels.mutable_values<uint8_t>();
    for (int row = 0; row < kSide; ++row) {
      for (int column = 0; column < kSide; ++column) {
        const bool inside = row >= y && row < y + h && column >= x && column < x + w;
        for (int c = 0; c < 3; ++c) {
          values[static_cast<size_t>((row * kSide + column) * 3 + c)] = inside && c == 2 * label ? 230 : 60;
        }
      }
    }
    const std::string name = fmt::format("{:03}", i);
    data::write_image(folder / "images" / split / (name + ".jpg"), pixels);
    write_file(folder / "labels" / split / (name + ".txt"),
               fmt::format("{} {} {} {} {}\n", label, (x + w / 2.0) / kSide, (y + h / 2.0) / kSide,
                           static_cast<double>(w) / kSide, static_cast<double>(h) / kSide));
  }
}

class StudyDetectData : public testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(folder_);
    for (const char* part : {"images/train", "images/val", "labels/train", "labels/val"}) {
      fs::create_directories(folder_ / "data" / part);
    }
    write_rectangles(folder_ / "data", "train", 32);
    write_rectangles(folder_ / "data", "val", 8);
    write_file(folder_ / "data.yaml",
               fmt::format("path: {}\ntrain: images/train\nval: images/val\nnames: [red, blue]\n",
                           (folder_ / "data").string()));
  }
  void TearDown() override { fs::remove_all(folder_); }

  RunSummary run_study(const std::string& model, const std::string& train, const std::string& methods) {
    const StudyFile study = check_study(
        config::parse_yaml(fmt::format("study: d\ndata: {}\nimgsz: {}\nmodels: [{}]\ntrain: {{{}}}\nruntimes: [torch]\n"
                                       "bench: {{min_samples: 5, min_seconds: 0}}\nmethods: [{}]\n",
                                       (folder_ / "data.yaml").string(), kSide, model, train, methods),
                           "t"),
        "t");
    const runtime::Registry registry = inference::full_registry();
    const steps::Registry steps = steps::registry();
    const LogSink log{[this](LogLevel level, std::string_view text) {
                        if (level == LogLevel::warning) warnings_ += std::string(text) + "\n";
                      },
                      {}};
    const CancelToken cancel;
    return run(study, {folder_ / "results", "/nonexistent", "test", &registry, &steps, &log, &cancel});
  }
  int64_t warned_of(const std::string& text) const {
    int64_t count = 0;
    for (size_t at = warnings_.find(text); at != std::string::npos; at = warnings_.find(text, at + 1)) ++count;
    return count;
  }

  const fs::path folder_ = fs::temp_directory_path() / fmt::format("quench-study-detect-{}", ::getpid());
  std::string warnings_;
};

class StudyDetect : public StudyDetectData, public testing::WithParamInterface<const char*> {};

/// A new model that finds something everywhere: the biases of its scores are high. Trained ones would take minutes.
void write_eager_model(const std::string& name, const fs::path& file) {
  graph::Graph graph = models::build(name, {{"red", "blue"}, kSide, 2, 0});
  for (auto& [weight_name, weight] : graph.weights) {
    const bool scores = weight_name.starts_with("model.24.m.") || weight_name.starts_with("model.22.cv3.");
    if (!scores || !weight_name.ends_with(".bias") || weight_name.ends_with(".bn.bias")) continue;
    const std::span<float> values = weight.value.mutable_values<float>();
    const bool anchors = name == "yolov5n";  // x y w h objectness, then classes, for each anchor
    for (size_t i = 0; i < values.size(); ++i) values[i] = !anchors || i % 7 >= 4 ? 2.0f : values[i];
  }
  graph::save_onnx(graph, file);
}

/// Boxes in each evaluation of a study's results.
std::vector<int64_t> boxes_found(const fs::path& results) {
  std::vector<int64_t> counts;
  for (const auto& stage : fs::directory_iterator(results / "stages")) {
    if (!stage.path().filename().string().starts_with("evaluate-")) continue;
    int64_t count = 0;
    const Json evaluation = read_json(stage.path() / "evaluation.json");
    for (const Json& image : evaluation["detections"]) count += static_cast<int64_t>(image.size());
    counts.push_back(count);
  }
  return counts;
}

TEST_P(StudyDetect, RunsEveryMethod) {
  const std::string name = GetParam();
  write_eager_model(name, folder_ / "eager.onnx");
  const std::string model =
      fmt::format("{{model: {}, pretrained: {}, auto_anchor: false}}", name, (folder_ / "eager.onnx").string());
  const std::string train = "epochs: 2, batch: 8, accumulate: 2, warmup_epochs: 0.5, lr: 0.0001";
  const std::string methods =
      "fp32, {method: ptq, target: onnxruntime, calibration_images: 8}, "
      "{method: ptq, quantize_head: [true], calibration_images: 8}, {method: qat, epochs: 1, calibration_images: 8}";
  const RunSummary summary = run_study(model, train, methods);
  ASSERT_EQ(summary.records.size(), 4u);
  for (const record::Record& record : summary.records) {
    EXPECT_EQ(record.status, "ok") << record.reason.value_or("");
    EXPECT_EQ(record.task, "detect");
    EXPECT_EQ(record.samples, 8);
    EXPECT_FALSE(record.left_out);
    ASSERT_TRUE(record.map_50_95 && record.map_50 && record.agreement);
    EXPECT_FALSE(record.top1);
    EXPECT_LE(*record.map_50_95, *record.map_50);
    ASSERT_TRUE(record.map_50_95_low && record.map_50_95_high && record.outcomes);
    EXPECT_LE(*record.map_50_95_low, *record.map_50_95_high);
  }
  EXPECT_EQ(*summary.records[0].agreement, 1);
  const std::vector<int64_t> boxes = boxes_found(folder_ / "results");
  EXPECT_EQ(boxes.size(), 4u);
  for (const int64_t count : boxes) EXPECT_GT(count, 8) << "without boxes nothing above says anything";
  const std::string kept = summary.records[1].float_layers.value_or("");
  EXPECT_NE(kept.find(name == "yolov5n" ? "model.24.m.0" : "model.22.cv2.0.2"), std::string::npos);
  EXPECT_EQ(summary.records[2].float_layers.value_or(""), "") << "quantize_head";
  EXPECT_EQ(run_study(model, train, methods).ran, 0);
}

TEST_F(StudyDetectData, NothingAnnotatedHasNoFigure) {
  for (const auto& file : fs::directory_iterator(folder_ / "data" / "labels" / "val")) write_file(file.path(), "");
  const RunSummary summary = run_study("yolov5n", "epochs: 1, batch: 8", "fp32, {method: ptq, calibration_images: 8}");
  ASSERT_EQ(summary.records.size(), 2u);
  for (const record::Record& record : summary.records) {
    EXPECT_EQ(record.status, "ok") << record.reason.value_or("");
    EXPECT_EQ(record.samples, 8);
    EXPECT_TRUE(record::to_json(record)["map_50_95"].is_null());
    EXPECT_TRUE(record::to_json(record)["map_50"].is_null());
    EXPECT_TRUE(record.agreement);
  }
  EXPECT_GT(warned_of("no object is annotated on the 8 images: mAP is not defined (n/a)"), 0) << warnings_;
}

TEST_F(StudyDetectData, WithoutObjectsNoEpochIsTheBest) {
  for (const auto& file : fs::directory_iterator(folder_ / "data" / "labels" / "train")) write_file(file.path(), "");
  const RunSummary summary = run_study("yolov5n", "epochs: 1, batch: 8, keep: best, val_share: 0.25", "fp32");
  ASSERT_EQ(summary.records.size(), 1u);
  EXPECT_EQ(summary.records[0].status, "failed");
  EXPECT_NE(summary.records[0].reason.value_or("").find("objects on the validation images"), std::string::npos)
      << summary.records[0].reason.value_or("");
}

TEST_F(StudyDetectData, DamagedImagesAreLeftOutAndCounted) {
  const auto truncate = [&](const char* file) {
    const fs::path path = folder_ / "data" / "images" / file;
    const std::string bytes = read_file(path);
    write_file(path, bytes.substr(0, bytes.size() / 2));
  };
  truncate("train/001.jpg");
  truncate("val/002.jpg");
  truncate("val/005.jpg");
  const RunSummary summary = run_study("yolov5n", "epochs: 2, batch: 8", "fp32, {method: ptq, calibration_images: 32}");
  ASSERT_EQ(summary.records.size(), 2u);
  for (const record::Record& record : summary.records) {
    EXPECT_EQ(record.status, "ok") << record.reason.value_or("");
    EXPECT_EQ(record.samples, 6);
    EXPECT_EQ(record.left_out, 2);
    EXPECT_EQ(record.left_out_first, "002.jpg");
  }
  EXPECT_EQ(warned_of("1 of 32 training images cannot be read and is left out, the first:"), 1) << warnings_;
  EXPECT_EQ(warned_of("1 of 32 calibration images cannot be read and is left out, the first:"), 1) << warnings_;
  EXPECT_GT(warned_of("2 of 8 test images cannot be read and are left out, the first:"), 0) << warnings_;
  EXPECT_GT(warned_of("002.jpg"), 0) << warnings_;
}

INSTANTIATE_TEST_SUITE_P(Models, StudyDetect, testing::Values("yolov5n", "yolov8n"));

}  // namespace
}  // namespace quench::study
