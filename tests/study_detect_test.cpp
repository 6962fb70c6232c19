// A study of a detector, whole and small: training, PTQ, QAT, evaluation, records.

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "config/yaml.h"
#include "core/file.h"
#include "core/rng.h"
#include "data/pictures/image_file.h"
#include "inference/registry.h"
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
    data::write_image(folder / "images" / split / (name + ".png"), pixels);
    write_file(folder / "labels" / split / (name + ".txt"),
               fmt::format("{} {} {} {} {}\n", label, (x + w / 2.0) / kSide, (y + h / 2.0) / kSide,
                           static_cast<double>(w) / kSide, static_cast<double>(h) / kSide));
  }
}

class StudyDetect : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / fmt::format("quench-study-detect-{}", ::getpid());
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
  fs::path folder_;
};

TEST_P(StudyDetect, RunsEveryMethod) {
  const StudyFile study = check_study(
      config::parse_yaml(fmt::format("study: d\ndata: {}\nimgsz: {}\nmodels: [{}]\n"
                                     "train: {{epochs: 2, batch: 8, accumulate: 2, warmup_epochs: 0.5}}\n"
                                     "runtimes: [torch]\nbench: {{min_samples: 5, min_seconds: 0}}\n"
                                     "methods: [fp32, {{method: ptq, target: onnxruntime, calibration_images: 8}}, "
                                     "{{method: ptq, quantize_head: [true], calibration_images: 8}}, "
                                     "{{method: qat, epochs: 1, calibration_images: 8}}]\n",
                                     (folder_ / "data.yaml").string(), kSide, GetParam()),
                         "t"),
      "t");
  const runtime::Registry registry = inference::full_registry();
  const steps::Registry steps = steps::registry();
  const LogSink log;
  const CancelToken cancel;
  const RunContext context{folder_ / "results", "/nonexistent", "test", &registry, &steps, &log, &cancel};
  const RunSummary summary = run(study, context);
  ASSERT_EQ(summary.records.size(), 4u);
  for (const record::Record& record : summary.records) {
    EXPECT_EQ(record.status, "ok") << record.reason.value_or("");
    EXPECT_EQ(record.task, "detect");
    EXPECT_EQ(record.samples, 8);
    ASSERT_TRUE(record.map_50_95 && record.map_50 && record.agreement);
    EXPECT_FALSE(record.top1);
    EXPECT_LE(*record.map_50_95, *record.map_50);
  }
  EXPECT_EQ(*summary.records[0].agreement, 1);
  const std::string kept = summary.records[1].float_layers.value_or("");
  EXPECT_NE(kept.find(std::string(GetParam()) == "yolov5n" ? "model.24.m.0" : "model.22.cv2.0.2"), std::string::npos);
  EXPECT_EQ(summary.records[2].float_layers.value_or(""), "") << "quantize_head";
  EXPECT_TRUE(fs::exists(folder_ / "results" / "stages"));
  EXPECT_EQ(run(study, context).ran, 0);
}

INSTANTIATE_TEST_SUITE_P(Models, StudyDetect, testing::Values("yolov5n", "yolov8n"));

}  // namespace
}  // namespace quench::study
