#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <map>
#include <thread>

#include "config/yaml.h"
#include "core/error.h"
#include "core/file.h"
#include "inference/registry.h"
#include "record/store.h"
#include "study/run.h"

namespace quench::study {
namespace {

namespace fs = std::filesystem;

class StudyRun : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / fmt::format("quench-study-{}", ::getpid());
    fs::remove_all(folder_);
    registry_ = inference::full_registry();
  }
  void TearDown() override { fs::remove_all(folder_); }

  static StudyFile tiny(const std::string& methods, const std::string& extra = "") {
    return check_study(
        config::parse_yaml("study: tiny\ndata: {data: shapes, train_limit: 256, test_limit: 100}\nimgsz: 32\n"
                           "models: [yolov5n-cls]\ntrain: {epochs: 1, batch: 32}\n"
                           "runtimes: [torch]\nbench: {min_samples: 5, min_seconds: 0}\nmethods: " +
                               methods + "\n" + extra,
                           "t"),
        "t");
  }
  static std::map<fs::path, fs::file_time_type> last_written(const fs::path& folder) {
    std::map<fs::path, fs::file_time_type> times;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      if (entry.is_regular_file()) times[entry.path()] = entry.last_write_time();
    }
    return times;
  }
  RunContext context() { return {folder_, "/nonexistent", "test", &registry_, &log_, &cancel_}; }

  fs::path folder_;
  runtime::Registry registry_;
  std::vector<std::string> messages_;
  LogSink log_{[this](LogLevel, std::string_view text) { messages_.emplace_back(text); }, nullptr};
  CancelToken cancel_;
};

TEST_F(StudyRun, RunsCellsThenSkipsThem) {
  const StudyFile study = tiny("[fp32, {method: ptq, calibration_images: 32}]");
  const RunSummary first = run(study, context());
  ASSERT_EQ(first.records.size(), 2u);
  for (const record::Record& record : first.records) {
    EXPECT_EQ(record.status, "ok") << record.reason.value_or("");
    EXPECT_GT(record.latency_p50_ns.value_or(0), 0);
    EXPECT_EQ(record.samples, 100);
    EXPECT_EQ(record.model_sha256->size(), 64u);
    EXPECT_GT(record.gflops.value_or(0), 0);
  }
  EXPECT_EQ(first.records[1].parent_sha256, first.records[0].model_sha256) << "PTQ comes from the same training";
  EXPECT_LT(*first.records[1].weights_bytes, *first.records[0].weights_bytes / 3);
  EXPECT_EQ(first.records[1].bops, *first.records[1].macs * 64) << "every layer is int8 x int8";

  const std::string stored = read_file(folder_ / "records.jsonl");
  const RunSummary second = run(study, context());
  EXPECT_EQ(second.ran, 0);
  EXPECT_EQ(second.skipped, 2);
  EXPECT_EQ(read_file(folder_ / "records.jsonl"), stored);
  for (const CellState& state : status(study, folder_)) EXPECT_EQ(state.status, "ok");
}

// Predicted latencies stand beside measured ones, are stored once, and need a device that is known before any work.
TEST_F(StudyRun, StagesAreSharedBetweenStudies) {
  RunContext one = context(), other = context();
  one.stages = other.stages = folder_ / "shared";
  one.folder = folder_ / "one";
  other.folder = folder_ / "other";
  const StudyFile study = tiny("[fp32]");
  const record::Record first = run(study, one).records.at(0);
  const auto made = last_written(one.stages);
  const record::Record second = run(study, other).records.at(0);
  EXPECT_EQ(second.model_sha256, first.model_sha256);
  EXPECT_EQ(second.top1, first.top1);
  EXPECT_EQ(last_written(one.stages), made) << "nothing is trained again";
  EXPECT_FALSE(std::filesystem::exists(other.folder / "stages"));
}

TEST_F(StudyRun, PredictsLatenciesOfDevices) {
  const std::string methods = "[fp32, {method: ptq, calibration_images: 16}]";
  RunContext with_devices = context();
  with_devices.device_folders = {fs::path(QUENCH_SOURCE_DIR) / "devices"};
  EXPECT_THROW(run(tiny(methods, "predict: {device: jetson-nanu}"), with_devices), Error);
  EXPECT_FALSE(fs::exists(folder_ / "stages"));

  const StudyFile study = tiny(methods, "predict: {device: jetson-nano, engine: [cpu, gpu], precision: [fp16, int8]}");
  const RunSummary first = run(study, with_devices);
  ASSERT_EQ(first.records.size(), 2u + 4u);
  int predicted = 0, unsupported = 0;
  for (const record::Record& record : first.records) {
    predicted += record.latency_source == "predicted";
    unsupported += record.status == "unsupported";
    EXPECT_EQ(record.top1.has_value(), record.status == "ok") << *record.cell;
    EXPECT_EQ(record.quench_version, "test") << *record.cell;
  }
  EXPECT_EQ(predicted, 2);    // FP16 on the GPU, INT8 on the CPU
  EXPECT_EQ(unsupported, 2);  // FP16 on the CPU, INT8 on the GPU
  EXPECT_EQ(first.failed, 0);
  EXPECT_NE(first.notes.back().find("predicted"), std::string::npos);

  const std::string stored = read_file(folder_ / "records.jsonl");
  EXPECT_EQ(std::ranges::count(stored, '\n'), 6);
  EXPECT_EQ(run(study, with_devices).records.size(), 6u);
  EXPECT_EQ(read_file(folder_ / "records.jsonl"), stored);
}

TEST_F(StudyRun, GoesOnAfterAFailedCell) {
  const RunSummary summary =
      run(tiny("[{method: ptq, calibration_images: 0}, {method: ptq, observer: minmax, calibration_images: 16}]"),
          context());
  ASSERT_EQ(summary.records.size(), 2u);
  EXPECT_EQ(summary.failed, 1);
  EXPECT_EQ(summary.records[0].status, "failed");
  EXPECT_NE(summary.records[0].reason->find("calibration"), std::string::npos) << *summary.records[0].reason;
  EXPECT_EQ(summary.records[1].status, "ok");
}

TEST_F(StudyRun, ChangedSettingsRunAgain) {
  run(tiny("[fp32]"), context());
  const RunSummary again = run(tiny("[fp32]", "seeds: [1]"), context());
  EXPECT_EQ(again.ran, 1);
  EXPECT_EQ(record::load(folder_ / "records.jsonl").records.size(), 2u);
}

TEST_F(StudyRun, KilledAndResumedLosesNothing) {
  const StudyFile study = tiny("[fp32, {method: qat, epochs: 1, calibration_images: 32}]", "seeds: [0, 1]");
  // The child is another process image (threads of LibTorch do not survive a fork), killed after the first group.
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const std::string program = fs::read_symlink("/proc/self/exe");
    ::setenv("QUENCH_TEST_STUDY_FOLDER", folder_.c_str(), 1);
    ::execl(program.c_str(), program.c_str(), "--gtest_also_run_disabled_tests",
            "--gtest_filter=StudyRun.DISABLED_ChildRuns", nullptr);
    ::_exit(127);
  }
  const fs::path store = folder_ / "records.jsonl";
  for (int i = 0; i < 3000 && !fs::exists(store); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  ::kill(child, SIGKILL);
  int state = 0;
  ::waitpid(child, &state, 0);
  ASSERT_TRUE(fs::exists(store));
  const size_t before = record::load(store).records.size();
  const RunSummary summary = run(study, context());
  EXPECT_EQ(summary.records.size(), 4u);
  EXPECT_EQ(summary.failed, 0);
  EXPECT_GE(summary.skipped, 1);
  EXPECT_EQ(summary.ran + static_cast<int64_t>(before), 4);
}

TEST_F(StudyRun, DISABLED_ChildRuns) {
  const char* folder = ::getenv("QUENCH_TEST_STUDY_FOLDER");
  if (!folder) GTEST_SKIP() << "runs as a child of KilledAndResumedLosesNothing";
  folder_ = folder;
  run(tiny("[fp32, {method: qat, epochs: 1, calibration_images: 32}]", "seeds: [0, 1]"), context());
}

TEST_F(StudyRun, CancelStopsAndKeepsRecords) {
  cancel_.cancel();
  try {
    run(tiny("[fp32]"), context());
    FAIL() << "expected Error{cancelled}";
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::cancelled);
  }
  EXPECT_FALSE(fs::exists(folder_ / "records.jsonl"));
}

TEST_F(StudyRun, MissingDataIsAFailedCellThatSaysHowToGetIt) {
  StudyFile study = tiny("[fp32]");
  study.data["data"] = "cifar100";
  const RunSummary summary = run(study, context());
  EXPECT_EQ(summary.failed, 1);
  EXPECT_NE(summary.records[0].reason->find("quench data fetch cifar100"), std::string::npos)
      << *summary.records[0].reason;
}

}  // namespace
}  // namespace quench::study
