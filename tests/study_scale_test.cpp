// What studies read: a thousand cells that are done, and rows made of what is there.
#include <fcntl.h>

#include <chrono>
#include <iostream>
#include <map>
#include <thread>

#include "core/clock.h"
#include "core/file.h"
#include "core/hash.h"
#include "opens_testing.h"
#include "record/store.h"
#include "study/cell_record.h"
#include "study/plan.h"
#include "study/stages.h"
#include "study/worker.h"
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

double seconds_of(const std::function<void()>& work) {
  const int64_t begin = now_ns();
  work();
  return static_cast<double>(now_ns() - begin) * 1e-9;
}

/// A study of `cells` cells, twenty a seed.
StudyFile cells_study(int64_t cells) {
  std::string seeds;
  for (int64_t i = 0; i < cells / 40; ++i) seeds += (i ? "," : "") + std::to_string(i);
  return check_study(config::parse_yaml("study: large\ndata: {data: shapes, train_limit: 16, test_limit: 8}\nimgsz: "
                                        "32\nmodels: [yolov5n-cls, yolov8n-cls]\nseeds: [" +
                                            seeds +
                                            "]\nruntimes: [native, onnxruntime]\nmethods: [fp32, qat, {method: ptq, "
                                            "observer: [minmax, mse, percentile, entropy], weights: [per_channel, "
                                            "per_tensor]}]\n",
                                        "large"),
                     "large");
}

// What is to do is found in a time that grows with the number of cells, not with its square.
TEST_F(StudyReads, PlanAndStatusOfTenThousandCells) {
  std::map<int64_t, double> plans, states;
  for (const int64_t cells : {1000, 10000}) {
    const StudyFile study = cells_study(cells);
    fs::create_directories(folder_);
    plans[cells] = seconds_of([&] { EXPECT_GT(plan(study, context()).size(), static_cast<size_t>(cells)); });
    states[cells] = seconds_of([&] { EXPECT_EQ(state(study, context()).cells.size(), static_cast<size_t>(cells)); });
    std::cout << fmt::format("{} cells: plan {:.2f} s, status {:.2f} s\n", cells, plans[cells], states[cells]);
  }
  // Ten times the cells; a square would be a hundred times.
  EXPECT_LT(plans[10000], 40 * plans[1000]);
  EXPECT_LT(states[10000], 40 * states[1000]);
}

/// Chains of steps that do nothing: trainings with ten methods each, an evaluation for each, a timing for all.
JobGraph fake_jobs(int64_t trainings) {
  JobGraph graph;
  const auto add = [&](const std::string& kind, const std::string& name, std::vector<size_t> after) {
    Job job{sha256_hex(kind + name), kind, name, std::move(after), [] { return false; }, [] {}};
    job.of_study = kind == "bench";
    return graph.add(std::move(job));
  };
  for (int64_t i = 0; i < trainings; ++i) {
    const std::string name = std::to_string(i);
    const size_t train = add("train", name, {});
    std::vector<size_t> models;
    for (int64_t j = 0; j < 10; ++j) {
      models.push_back(
          add("evaluate", fmt::format("{} {}", name, j), {add("step", fmt::format("{} {}", name, j), {train})}));
    }
    add("bench", name, models);
  }
  return graph;
}

class Scheduling : public StudyTest {
 protected:
  JobStores stores(const std::string& host, const std::function<void()>& operation) const {
    const WorkerIdentity self{host, host, 1, 1, ""};
    JobStores made{JobStore(folder_ / "shared", self), JobStore(folder_ / "own", self)};
    made.shared.on_operation = made.own.on_operation = operation;
    return made;
  }
  /// Seconds until all workers have ended.
  double work(int64_t trainings, int workers, const std::function<void()>& operation) {
    return seconds_of([&] {
      std::vector<std::thread> threads;
      for (int w = 0; w < workers; ++w) {
        threads.emplace_back([&, w] {
          const JobGraph graph = fake_jobs(trainings);
          JobStores mine = stores(std::to_string(w), operation);
          JobResults results = begin_work(graph, mine, see_marks(mine), Retry::none);
          WorkOptions options;
          options.first = graph.jobs().size() * static_cast<size_t>(w) / static_cast<size_t>(workers);
          JobObserver nobody;
          ToldFailures told(nobody);
          work_on(graph, results, mine, options, {}, nullptr, DoingNow(), told);
          for (size_t i = 0; i < graph.jobs().size(); ++i) EXPECT_TRUE(results.good(i));
        });
      }
      for (std::thread& thread : threads) thread.join();
    });
  }
};

// Ten thousand cells of steps that take no time: what is left is what the claims and marks cost.
TEST_F(Scheduling, OverheadOfAJob) {
  constexpr int64_t kTrainings = 1000;
  constexpr double kJobs = kTrainings * 22;
  std::atomic<int64_t> operations{0};
  const double seconds = work(kTrainings, 2, [&] { ++operations; });
  // What two files a job, made and renamed one after the other, cost here.
  fs::create_directories(folder_ / "plain");
  const double plain = seconds_of([&] {
    for (int64_t i = 0; i < static_cast<int64_t>(kJobs); ++i) {
      const std::string file = (folder_ / "plain" / std::to_string(i)).string();
      ::close(::open(file.c_str(), O_CREAT | O_EXCL | O_WRONLY, 0644));
      fs::rename(file, file + ".done");
    }
  });
  std::cout << fmt::format(
      "{} jobs by 2 workers: {:.3f} ms a job, {:.2f} operations a job; two plain operations {:.3f} ms\n", kJobs,
      1e3 * seconds / kJobs, static_cast<double>(operations) / kJobs, 1e3 * plain / kJobs);
  EXPECT_LT(static_cast<double>(operations), 12 * kJobs);
  EXPECT_LT(seconds, 100 * plain + 10);
}

// Where each operation takes long, as on a network file system, a job takes a few of them, and waits for no others.
TEST_F(Scheduling, ASlowFileSystemIsAskedAFewTimesAJob) {
  constexpr int64_t kTrainings = 5;
  constexpr double kJobs = kTrainings * 22, kSlowMs = 5;
  std::atomic<int64_t> operations{0};
  const double seconds = work(kTrainings, 1, [&] {
    ++operations;
    std::this_thread::sleep_for(std::chrono::microseconds(static_cast<int64_t>(1000 * kSlowMs)));
  });
  const double of_a_job = static_cast<double>(operations) / kJobs;
  std::cout << fmt::format(
      "{} jobs, {} ms an operation: {:.2f} operations and {:.1f} ms a job; at 100 ms {:.2f} s a job\n", kJobs, kSlowMs,
      of_a_job, 1e3 * seconds / kJobs, 0.1 * of_a_job);
  EXPECT_LT(of_a_job, 6.5);
}

}  // namespace
}  // namespace quench::study
