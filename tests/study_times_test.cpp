// Estimates of times from earlier jobs.
#include <chrono>

#include "core/file.h"
#include "study/job_times.h"
#include "study_testing.h"

namespace quench::study {
namespace {

namespace fs = std::filesystem;

class JobTimesTest : public StudyTest {
 protected:
  static std::vector<Cell> cells(const std::string& extra, const std::string& data = "{data: shapes}") {
    Json study = config::parse_yaml(
        "study: s\nimgsz: 32\nmodels: [yolov5n-cls]\nmethods: [fp32, qat]\ntrain: {epochs: 10}\n", "t");
    study.update(config::parse_yaml(extra + "\ndata: " + data, "t"));
    return expand(check_study(study, "t"), {});
  }
  static JobSize size(const std::string& extra, size_t step = 0, const Json& data = {{"data", "shapes"}}) {
    const Cell cell = cells(extra).at(step == 0 ? 0 : 1);
    return size_of_step(cell, cell.steps.at(step), data);
  }
  /// A job that took this long.
  void took(const std::string& name, double seconds, const JobSize& size) {
    write_file(folder_ / name / "time.json",
               Json{{"seconds", seconds}, {"alike", size.alike}, {"amount", size.amount}}.dump());
  }
  std::optional<double> estimate(const JobSize& size) {
    const auto time = JobTimes(folder_).estimate(size, "key");
    return time ? std::optional(time->seconds) : std::nullopt;
  }
};

// A training of 10 epochs was once the estimate of one of 1000, and one at 32 pixels that of one at 640.
TEST_F(JobTimesTest, TheyGrowWithTheWorkAndAreOfTheSameKind) {
  took("train-1", 20, size("train: {epochs: 10}"));
  took("train-2", 22, size("train: {epochs: 10, lr: 0.2}"));
  took("train-3", 50, size("train: {epochs: 5}"));
  EXPECT_EQ(estimate(size("train: {epochs: 1000}")), 2200) << "the median of 2, 2.2 and 10 seconds an epoch";
  EXPECT_EQ(estimate(size("imgsz: 64")), std::nullopt);
  EXPECT_EQ(estimate(size("models: [yolov8n-cls]")), std::nullopt);
  EXPECT_EQ(estimate(size("train: {epochs: 10, device: cuda}")), std::nullopt);
  EXPECT_EQ(estimate(size("", 0, {{"data", "cifar100"}})), std::nullopt);
  EXPECT_EQ(estimate(size("", 0, {{"data", "shapes"}, {"train_limit", 10}})), std::nullopt);
  EXPECT_EQ(estimate(size("train: {epochs: 0}")), std::nullopt) << "no epoch is no share of one";
  EXPECT_EQ(estimate(size("", 1)), std::nullopt) << "another step";
  EXPECT_EQ(estimate({}), std::nullopt);
}

TEST_F(JobTimesTest, CalibrationsGrowWithTheirImages) {
  took("quantize-1", 3, size("methods: [fp32, {method: ptq, calibration_images: 100}]", 1));
  EXPECT_EQ(estimate(size("methods: [fp32, {method: ptq, calibration_images: 400}]", 1)), 12);
  EXPECT_EQ(estimate(size("methods: [fp32, {method: ptq, observer: entropy}]", 1)), std::nullopt);
}

TEST_F(JobTimesTest, AResumedJobAddsUpWhatItsProgramsTook) {
  const JobSize size{"job", 1};
  WorkClock(folder_, size);  // killed at once
  Json time = read_json(folder_ / "time.json");
  // As if it had begun 1000 s ago, after 5 s of another, and written its last checkpoint 700 s ago.
  time["before"] = 5;
  time["begun"] = time["begun"].get<double>() - 1000;
  write_file(folder_ / "time.json", time.dump());
  write_file(folder_ / "checkpoint", "");
  fs::last_write_time(folder_ / "checkpoint", fs::file_time_type::clock::now() - std::chrono::seconds(700));
  EXPECT_EQ(estimate(size), std::nullopt) << "not done";
  WorkClock(folder_, size);  // killed at once, too
  WorkClock(folder_, size).finish();
  EXPECT_NEAR(read_json(folder_ / "time.json").at("seconds").get<double>(), 305, 30);
}

}  // namespace
}  // namespace quench::study
