// Studies whose methods are chains: what begins alike is done once, a step of one's own is a method, kills lose
// nothing, rows are timed together, and nobody else works in the folder.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "core/error.h"
#include "core/file.h"
#include "core/gzip.h"
#include "core/hash.h"
#include "graph/onnx_read.h"
#include "graph/passes.h"
#include "graph/sparse_layers.h"
#include "metrics/nonzero.h"
#include "prune/prune.h"
#include "record/store.h"
#include "sparsity_testing.h"
#include "study/lock.h"
#include "study_testing.h"

namespace quench::study {
namespace {

namespace fs = std::filesystem;

/// Six chains over one training.
const char* const kSixChains =
    "[fp32, {method: ptq, calibration_images: 16}, {method: ptq, observer: minmax, calibration_images: 16}, "
    "{method: qat, calibration_images: 16, epochs: 1}, "
    "{name: twice, steps: [{quantize: {calibration_images: 16}}, {finetune: {epochs: 1}}, {finetune: {epochs: 1}}]}, "
    "{name: longer, steps: [{finetune: {epochs: 1}}]}]";

class StudyChains : public StudyTest {
 protected:
  static StudyFile tiny(const std::string& methods, const std::string& extra = "",
                        const methods::StepTable& steps = methods::step_table()) {
    return StudyTest::tiny(methods, extra, steps, "{data: shapes, train_limit: 64, test_limit: 20}");
  }
  /// Newest record of every cell, without what a clock says.
  static std::map<std::string, std::string> findings(const fs::path& folder) {
    std::map<std::string, std::string> out;
    for (const record::Record& record : record::latest(record::load(folder / "records.jsonl").records)) {
      Json json = record::to_json(record);
      for (const char* key :
           {"time", "timing_id", "latency_p50_ns", "latency_p90_ns", "latency_p99_ns", "latency_samples",
            "timing_drift", "stable", "temperature_start_c", "temperature_end_c", "frequency_min_mhz",
            "frequency_mean_mhz", "throttled", "energy_mj", "power_mean_mw", "power_max_mw"}) {
        json.erase(key);
      }
      out[*record.cell] = json.dump();
    }
    return out;
  }
  static std::map<std::string, std::string> artifacts(const fs::path& folder) {
    std::map<std::string, std::string> out;
    for (const auto& entry : fs::recursive_directory_iterator(folder / "artifacts")) {
      if (entry.is_regular_file()) out[fs::relative(entry.path(), folder)] = sha256_file(entry.path());
    }
    return out;
  }
};

TEST_F(StudyChains, WhatBeginsAlikeIsDoneOnce) {
  const StudyFile study = tiny(kSixChains);
  const auto before = plan(study, context());
  EXPECT_EQ(std::ranges::count(before, "train", &PlannedJob::kind), 1);
  EXPECT_EQ(std::ranges::count(before, "quantize", &PlannedJob::kind), 2) << "mse is shared by three chains";
  for (const PlannedJob& job : before) EXPECT_EQ(job.state, JobState::to_do) << job.name;

  const RunSummary summary = run(study, context());
  ASSERT_EQ(summary.records.size(), 6u);
  for (const record::Record& record : summary.records) {
    EXPECT_EQ(record.status, "ok") << *record.cell << ": " << record.reason.value_or("");
    EXPECT_EQ(record.timing_id, summary.records[0].timing_id) << "all are timed in turn";
    const auto model = graph::read_model(folder_ / record.artifact.value());
    EXPECT_EQ(model.sha256, record.model_sha256) << "the file of the row";
    EXPECT_EQ(model.graph.metadata.at("job_key"), record.config["artifact_key"]);
  }
  EXPECT_EQ(count_messages(": train"), 1);
  EXPECT_EQ(count_messages(": quantize"), 2);
  EXPECT_EQ(count_messages(": finetune"), 3) << "QAT's is the first of the two";
  std::set<std::string> hashes;
  for (const record::Record& record : summary.records) hashes.insert(*record.model_sha256);
  EXPECT_EQ(hashes.size(), 6u);
  EXPECT_TRUE(fs::exists(folder_ / "artifacts/yolov5n-cls@32/ptq-minmax-s0.onnx"));
  EXPECT_EQ(summary.records[4].config["steps"].size(), 5u) << "train, quantize, finetune, finetune, convert";

  for (const PlannedJob& job : plan(study, context())) EXPECT_EQ(job.state, JobState::done_before) << job.name;
  const auto more = plan(tiny(kSixChains, "seeds: [0, 1]"), context());
  for (const PlannedJob& job : more) {
    if (job.kind == "train" && job.state == JobState::to_do) {
      EXPECT_GT(job.estimate_seconds.value_or(0), 0);
    }
  }
}

TEST_F(StudyChains, AStepOfOnesOwnIsAMethodByOneEntry) {
  steps_.add({"scale_weights", "Multiply all weights", methods::Needs::nothing, true,
              [](std::string_view) {
                return config::OptionSet({{"factor", config::OptionType::number, 2.0, "factor", {}, 0, 10}});
              },
              [](const methods::ModelKind& kind) { return kind; }},
             [](const steps::StepInput& input) {
               graph::Graph out = input.model.graph;
               for (auto& [name, weight] : out.weights) {
                 for (float& value : weight.value.mutable_values<float>()) {
                   value *= input.settings["factor"].get<float>();
                 }
               }
               return out;
             });
  const StudyFile study =
      tiny("[fp32, {name: scaled, steps: [{scale_weights: {factor: [1, 0.5]}}]}]", "", steps_.table());
  const RunSummary summary = run(study, context());
  ASSERT_EQ(summary.records.size(), 3u);
  EXPECT_EQ(summary.failed, 0);
  EXPECT_EQ(summary.records[1].setting, "factor=1");
  EXPECT_EQ(summary.records[1].top1, summary.records[0].top1) << "times one is nothing";
  const auto one = graph::read_model(folder_ / *summary.records[1].artifact).graph;
  const auto half = graph::read_model(folder_ / *summary.records[2].artifact).graph;
  EXPECT_EQ(half.weights.begin()->second.value.values<float>()[0],
            one.weights.begin()->second.value.values<float>()[0] / 2);
}

TEST_F(StudyChains, ACriterionOfImagesPrunesFineTunesAndQuantizes) {
  const StudyFile study = tiny(
      "[{name: smaller, steps: [{prune: {criterion: [taylor, mutual_information, l1], target_gflops: 0.7x, "
      "calibration_images: 24}}, {finetune: {epochs: 1}}, {quantize: {calibration_images: 16}}]}]");
  const RunSummary summary = run(study, context());
  ASSERT_EQ(summary.records.size(), 3u);
  std::set<std::string> criteria;
  for (const record::Record& record : summary.records) {
    EXPECT_EQ(record.status, "ok") << *record.cell << ": " << record.reason.value_or("");
    const graph::Graph model = graph::read_model(folder_ / record.artifact.value()).graph;
    const Json told = prune::prunings(model).at(0);
    criteria.insert(told.at("criterion"));
    EXPECT_EQ(told.contains("calibration_sha256"), told.at("criterion") != "l1");
  }
  EXPECT_EQ(criteria.size(), 3u);
  for (const PlannedJob& job : plan(study, context())) EXPECT_EQ(job.state, JobState::done_before) << job.name;
}

TEST_F(StudyChains, SparseModelsStaySparseToTheEnd) {
  const StudyFile study = tiny(
      "[fp32, {name: half-sparse, steps: [{sparsify: {pattern: \"2:4\"}}, {finetune: {epochs: 1}}, {quantize: "
      "{calibration_images: 16}}]}, {name: few, steps: [{sparsify: {sparsity: [0.5, 0.8]}}]}]");
  const RunSummary summary = run(study, context());
  ASSERT_EQ(summary.records.size(), 4u);
  for (const record::Record& record : summary.records) {
    EXPECT_EQ(record.status, "ok") << *record.cell << ": " << record.reason.value_or("");
    const graph::ModelFile model = graph::read_model(folder_ / record.artifact.value());
    EXPECT_EQ(record.nonzero_params, metrics::nonzero_params(graph::fold_batch_norms(model.graph)));
    EXPECT_EQ(record.compressed_file_bytes, static_cast<int64_t>(gzip(model.bytes).size()));
    EXPECT_EQ(record.params, summary.records[0].params) << "zeros are parameters, too";
    EXPECT_EQ(record.macs, summary.records[0].macs);
  }
  const record::Record &fp32 = summary.records[0], &half = summary.records[1], &few = summary.records[3];
  EXPECT_FALSE(fp32.sparse.has_value());
  EXPECT_EQ(fp32.nonzero_params, fp32.params);
  EXPECT_EQ(half.sparse, "2:4");
  EXPECT_EQ(half.bits_w, 8);
  EXPECT_LT(*half.nonzero_params, 0.52 * static_cast<double>(*half.params));
  EXPECT_EQ(few.sparse, "unstructured");
  EXPECT_EQ(few.setting, "sparsity=0.8");
  EXPECT_NEAR(static_cast<double>(*few.nonzero_params), 0.2 * static_cast<double>(*few.params), 5000);
  EXPECT_LT(*few.compressed_file_bytes, *fp32.compressed_file_bytes / 2);
  const graph::Graph integers = graph::read_model(folder_ / *half.artifact).graph;
  for (const auto& [name, layer] : graph::sparse_layers(integers)) {
    EXPECT_TRUE(holds_n_of_m(integers.weights.at(name + ".weight").value, 2, 4)) << name;
  }
}

TEST_F(StudyChains, NewRowsAreTimedBesideThoseOfBefore) {
  run(tiny("[fp32]"), context());
  const RunSummary both = run(tiny("[fp32, {method: ptq, calibration_images: 16}]"), context());
  ASSERT_EQ(both.records.size(), 2u);
  EXPECT_EQ(both.ran, 1);
  EXPECT_EQ(both.skipped, 1);
  EXPECT_EQ(both.records[0].timing_id, both.records[1].timing_id);
  EXPECT_EQ(record::load(folder_ / "records.jsonl").records.size(), 3u);
}

TEST_F(StudyChains, TornEvaluationsAreMadeAgain) {
  const StudyFile study = tiny("[fp32]");
  const RunSummary first = run(study, context());
  fs::remove(folder_ / "records.jsonl");
  int torn = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder_ / "stages")) {
    if (entry.path().filename() != "evaluation.json") continue;
    write_file(entry.path(), ++torn % 2 ? "{\"scores\"" : "{\"scores\": 3}");
  }
  ASSERT_GT(torn, 0);
  const RunSummary second = run(study, context());
  EXPECT_EQ(second.failed, 0);
  EXPECT_EQ(second.records[0].top1, first.records[0].top1);
}

TEST_F(StudyChains, OneProgramWorksInAFolder) {
  fs::create_directories(folder_);
  const FolderLock lock(folder_);
  try {
    run(tiny("[fp32]"), context());
    FAIL() << "expected Error{io}";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::io);
    EXPECT_NE(std::string(error.what()).find(std::to_string(::getpid())), std::string::npos) << error.what();
  }
}

TEST_F(StudyChains, ALibrarysExceptionIsOneRowsFailure) {
  steps_.add(
      {"break", "Fail as a library does", methods::Needs::nothing, false,
       [](std::string_view) { return config::OptionSet(); }, [](const methods::ModelKind& kind) { return kind; }},
      [](const steps::StepInput&) -> graph::Graph { throw std::length_error("c10 or JSON"); });
  const RunSummary summary = run(tiny("[{name: broken, steps: [break]}, fp32]", "", steps_.table()), context());
  ASSERT_EQ(summary.records.size(), 2u);
  EXPECT_EQ(summary.records[0].status, "failed");
  EXPECT_NE(summary.records[0].reason->find("c10 or JSON"), std::string::npos);
  EXPECT_EQ(summary.records[1].status, "ok");
}

/// Runs the six chains in another process image: threads of LibTorch do not survive a fork.
pid_t start_child(const fs::path& folder) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  const std::string program = fs::read_symlink("/proc/self/exe");
  ::setenv("QUENCH_TEST_STUDY_FOLDER", folder.c_str(), 1);
  ::execl(program.c_str(), program.c_str(), "--gtest_also_run_disabled_tests",
          "--gtest_filter=StudyChains.DISABLED_ChildRuns", nullptr);
  ::_exit(127);
}

TEST_F(StudyChains, KilledTenTimesEqualsOneStraightRun) {
  const fs::path straight = folder_ / "straight", killed = folder_ / "killed";
  int state = 0;
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_EQ(::waitpid(start_child(straight), &state, 0) > 0 && WIFEXITED(state) ? WEXITSTATUS(state) : -1, 0);
  const auto whole = std::chrono::steady_clock::now() - begin;
  std::mt19937 random(11);
  for (int i = 0; i < 10; ++i) {
    const pid_t child = start_child(killed);
    ASSERT_GT(child, 0);
    std::this_thread::sleep_for(whole * std::uniform_real_distribution<>(0.1, 0.9)(random));
    ::kill(child, SIGKILL);
    ::waitpid(child, &state, 0);
  }
  ASSERT_GT(::waitpid(start_child(killed), &state, 0), 0);
  EXPECT_EQ(findings(killed), findings(straight));
  EXPECT_EQ(findings(killed).size(), 6u);
  EXPECT_EQ(artifacts(killed), artifacts(straight));
  EXPECT_EQ(artifacts(killed).size(), 6u);
}

TEST_F(StudyChains, DISABLED_ChildRuns) {
  const char* folder = ::getenv("QUENCH_TEST_STUDY_FOLDER");
  if (!folder) GTEST_SKIP() << "runs as a child of KilledTenTimesEqualsOneStraightRun";
  folder_ = fs::path(folder).parent_path() / "child";
  RunContext there = context();
  there.folder = folder;
  EXPECT_EQ(run(tiny(kSixChains), there).failed, 0);
}

}  // namespace
}  // namespace quench::study
