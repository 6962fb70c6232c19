// What studies read: a thousand cells that are done, and rows made of what is there.
#include <map>

#include "core/file.h"
#include "core/hash.h"
#include "opens_testing.h"
#include "record/store.h"
#include "study/cell_record.h"
#include "study/plan.h"
#include "study/stages.h"
#include "study_testing.h"

namespace quench::study {
namespace {

namespace fs = std::filesystem;

using StudyReads = StudyTest;

// Rows that are made anew from what is there: every model and evaluation is read once, whatever the runtimes.
TEST_F(StudyReads, ModelsAndEvaluationsOnce) {
  const StudyFile study =
      check_study(config::parse_yaml("study: tiny\ndata: {data: shapes, train_limit: 16, test_limit: 8}\nimgsz: 32\n"
                                     "models: [yolov5n-cls]\ntrain: {epochs: 0}\nmethods: [fp32]\n"
                                     "runtimes: [torch, native]\nthreads: [1, 2]\n"
                                     "bench: {min_samples: 5, min_seconds: 0}\n",
                                     "t"),
                  "t");
  ASSERT_EQ(run(study, context()).ran, 4);
  fs::remove(folder_ / "records.jsonl");
  Opens opens;
  if (!opens.watch(folder_ / "stages")) GTEST_SKIP() << "needs inotify watches (fs.inotify.max_user_watches)";
  const RunSummary again = run(study, context());
  EXPECT_EQ(again.ran, 4);
  EXPECT_EQ(again.failed, 0);
  std::map<std::string, int> read = opens.take();
  EXPECT_EQ(read["evaluation.json"], 2) << "one of each runtime";
  EXPECT_EQ(read["model.onnx"], 1);
}

class StudyScale : public StudyTest {
 protected:
  void SetUp() override {
    StudyTest::SetUp();
    fs::create_directories(folder_);
    write_file(folder_ / "initial.onnx", std::string(1 << 20, 'w'));
    std::string seeds;
    for (int i = 0; i < 25; ++i) seeds += (i ? "," : "") + std::to_string(i);
    study_ = check_study(
        config::parse_yaml("study: large\ndata: {data: shapes, train_limit: 16, test_limit: 8}\nimgsz: 32\nmodels:\n" +
                               fmt::format("  - {{model: yolov5n-cls, pretrained: {0}}}\n"
                                           "  - {{model: yolov8n-cls, pretrained: {0}}}\n",
                                           (folder_ / "initial.onnx").string()) +
                               "seeds: [" + seeds + "]\nruntimes: [native, onnxruntime]\nmethods: [fp32, qat, " +
                               "{method: ptq, observer: [minmax, mse, percentile, entropy], weights: [per_channel, "
                               "per_tensor]}]\n",
                           "large"),
        "large");
    plan_ = expand(study_, digests());
    finish();
  }

  /// As a run would have them.
  InputDigests digests() {
    const data::Splits data = open_data(study_.data, "/nonexistent", log_);
    const std::string weights = sha256_file(folder_ / "initial.onnx");
    return {data.train->digest(), data.test->digest(), [weights](const Json&) { return weights; }};
  }

  /// Models, evaluations and records of all cells; the models' contents are never asked for.
  void finish() {
    for (const Cell& cell : plan_) {
      for (const PlannedStep& step : cell.steps) {
        const fs::path stage = folder_ / "stages" / (step.step + "-" + step.key.substr(0, 12));
        if (!fs::exists(stage)) write_file(stage / "model.onnx", step.key);
      }
      record::Record record = start_record(study_, cell, "test");
      record.task = study_.task;
      record.artifact = artifact_path(cell);
      write_file(folder_ / *record.artifact, "a model");
      record.top1 = 0.5 + 1e-3 * static_cast<double>(cell.seed);
      record.gflops = 0.4;
      record.weights_bytes = 1'000'000;
      record.latency_p50_ns = 1'000'000 + 1000 * cell.seed;
      record.timing_id = "1";
      record::append(folder_ / "records.jsonl", record);
    }
    const Json data{{"data", portable_data(study_.data)}, {"train", digests().train}, {"test", digests().test}};
    write_file(folder_ / "data.json", data.dump() + "\n");
  }

  StudyFile study_;
  std::vector<Cell> plan_;
};

TEST_F(StudyScale, AThousandCellsThatAreDoneAreReadOnce) {
  ASSERT_EQ(plan_.size(), 1000u);
  const std::string stored = read_file(folder_ / "records.jsonl");
  Opens opens;
  if (!opens.watch(folder_)) GTEST_SKIP() << "needs inotify watches (fs.inotify.max_user_watches)";

  const std::vector<CellState> states = state(study_, context()).cells;
  EXPECT_EQ(std::ranges::count(states, "ok", &CellState::status), 1000);
  EXPECT_EQ(opens.take(), (std::map<std::string, int>{{"data.json", 1}, {"initial.onnx", 1}, {"records.jsonl", 1}}));

  const std::vector<PlannedJob> jobs = plan(study_, context());
  EXPECT_EQ(std::ranges::count(jobs, JobState::to_do, &PlannedJob::state), 0);
  EXPECT_EQ(opens.take(), (std::map<std::string, int>{{"data.json", 1}, {"initial.onnx", 1}, {"records.jsonl", 1}}));

  const RunSummary again = run(study_, context());
  EXPECT_EQ(again.skipped, 1000);
  EXPECT_EQ(again.ran, 0);
  std::map<std::string, int> read = opens.take();
  EXPECT_EQ(read["records.jsonl"], 1);
  EXPECT_EQ(read["initial.onnx"], 1);
  EXPECT_EQ(read["model.onnx"], 0);
  EXPECT_LE(read["data.json"], 2) << "read, and written anew";
  EXPECT_EQ(read_file(folder_ / "records.jsonl"), stored);
}

}  // namespace
}  // namespace quench::study
