// A study through Slurm: what is submitted, and a real one of one node.
#include <fcntl.h>

#include <set>

#include "cli_testing.h"
#include "core/hash.h"
#include "error_testing.h"
#include "record/store.h"
#include "slurm_cluster.h"
#include "study/cluster_entry.h"
#include "study/slurm.h"
#include "study/slurm_plan.h"

namespace quench::study {
namespace {

/// Trainings with two methods each, an evaluation behind each model, and a timing for each training's models.
JobGraph chains(int64_t trainings) {
  JobGraph graph;
  const auto add = [&](const std::string& kind, const std::string& name, std::vector<size_t> after) {
    Job job{sha256_hex(kind + name), kind, name, std::move(after), [] { return false; }, [] {}};
    job.runs_after_failures = kind == "bench";
    return graph.add(std::move(job));
  };
  for (int64_t i = 0; i < trainings; ++i) {
    const std::string name = std::to_string(i);
    const size_t train = add("train", name, {});
    std::vector<size_t> models{add("evaluate", name, {train})};
    for (const char* method : {"a", "b"}) {
      const size_t step = add("quantize", name + method, {train});
      models.push_back(add("evaluate", name + method, {step}));
    }
    add("bench", name, models);
  }
  return graph;
}

std::vector<bool> all_of(const JobGraph& graph) { return std::vector<bool>(graph.jobs().size(), true); }

TEST(SlurmPlan, JobsAtOnePlaceOfTheirChainsAreAnArray) {
  const JobGraph graph = chains(12);
  const std::vector<SlurmArray> arrays = slurm_plan(graph, all_of(graph), 1000);
  EXPECT_EQ(arrays.size(), 6u + 12u) << "train, quantize twice, evaluate three times; a timing for each training";
  // By brute force: whatever comes before a job is in an array before it, and what it waits for is exactly that.
  std::map<size_t, std::pair<size_t, int64_t>> where;
  for (size_t a = 0; a < arrays.size(); ++a) {
    std::set<int64_t> indexes;
    for (const SlurmArray::Task& task : arrays[a].tasks) {
      EXPECT_TRUE(indexes.insert(task.index).second);
      EXPECT_LT(task.index, 1000);
      const Job& job = graph.job(task.place);
      EXPECT_EQ(job.kind, arrays[a].kind);
      std::set<std::pair<size_t, int64_t>> before, waits;
      for (const size_t place : job.after) before.insert(where.at(place));
      if (arrays[a].same_index) waits.insert({*arrays[a].same_index, task.index});
      for (const SlurmArray::Before& one : arrays[a].ended) waits.insert({one.array, one.index});
      EXPECT_EQ(waits, before) << arrays[a].name;
      where[task.place] = {a, task.index};
    }
  }
  EXPECT_EQ(where.size(), graph.jobs().size());
}

TEST(SlurmPlan, WhatIsDoneIsLeftOutAndNoArrayIsTooLong) {
  const JobGraph graph = chains(5);
  std::vector<bool> open = all_of(graph);
  for (size_t i = 0; i < open.size(); ++i) {
    if (graph.job(i).kind == "train") open[i] = false;
  }
  for (const SlurmArray& array : slurm_plan(graph, open, 1000)) {
    EXPECT_NE(array.kind, "train");
    EXPECT_FALSE(array.kind == "quantize" && array.same_index);
  }
  size_t tasks = 0;
  for (const SlurmArray& array : slurm_plan(graph, all_of(graph), 2)) {
    EXPECT_LE(array.tasks.size(), 2u);
    for (const SlurmArray::Task& task : array.tasks) EXPECT_LT(task.index, 2);
    tasks += array.tasks.size();
  }
  EXPECT_EQ(tasks, graph.jobs().size());
}

TEST(SlurmPlan, AScriptSaysWhatIsAskedFor) {
  const JobGraph graph = chains(3);
  const std::vector<SlurmArray> arrays = slurm_plan(graph, all_of(graph), 1000);
  const SlurmEntry entry = check_slurm(
      {{"all", {{"partition", "gpu"}}},
       {"train", {{"cpus", 16}, {"gpus", 1}, {"time", "4h"}, {"at_once", 2}, {"setup", {"module load cuda"}}}}},
      methods::step_table(), "slurm");
  const SlurmScripts scripts{"half", "/results/50% off/slurm", "/home/me", {"quench", "study", "work", "it's.yaml"}};
  const std::string train = sbatch_script(scripts, arrays[0], entry.of("train"), "");
  for (const char* line :
       {"#!/bin/sh\n", "--array=0-2%2\n", "--cpus-per-task=16\n", "--gres=gpu:1\n", "--time=240\n", "--partition=gpu\n",
        "--requeue\n", "--output=\"/results/50%% off/slurm/01-train-%a.log\"\n", "module load cuda\n", "cd '/home/me'",
        "exec 'quench' 'study' 'work' 'it'\\''s.yaml' --key"}) {
    EXPECT_NE(train.find(line), std::string::npos) << line << "\n" << train;
  }
  EXPECT_EQ(train.find("exclusive"), std::string::npos);
  const std::string bench = sbatch_script(scripts, arrays.back(), entry.of("bench"), "afterany:7_0:8_0");
  EXPECT_NE(bench.find("--exclusive\n"), std::string::npos) << "timings are alone on their node";
  EXPECT_NE(bench.find("--partition=gpu\n"), std::string::npos);
  EXPECT_NE(bench.find("--dependency=afterany:7_0:8_0\n"), std::string::npos);
}

TEST(SlurmEntry, WrongOnesAreRefused) {
  const auto refused = [](const Json& map, const std::string& part) {
    const auto [kind, message] = error_of([&] { check_slurm(map, methods::step_table(), "s.slurm"); });
    EXPECT_EQ(kind, ErrorKind::config);
    EXPECT_NE(message.find(part), std::string::npos) << message;
  };
  refused({{"trian", Json::object()}}, "train");
  refused({{"train", {{"cpu", 4}}}}, "cpus");
  refused({{"train", {{"time", "soon"}}}}, "4h");
  refused({{"train", {{"options", {"rm -rf"}}}}}, "options of sbatch");
  refused({{"train", {{"partition", "a\n#SBATCH --account=b"}}}}, "one line");
  refused(Json::array(), "map");
  EXPECT_EQ(slurm_time("90m", ""), "90");
  EXPECT_EQ(slurm_time("2d", ""), "2880");
  EXPECT_EQ(slurm_time("1-12:00:00", ""), "1-12:00:00");
  const auto hosts = [](const Json& entries) { check_hosts(entries, "s.hosts"); };
  EXPECT_NO_THROW(hosts({"ssh://a", {{"address", "ssh://b"}, {"workers", 2}}}));
  EXPECT_THROW(hosts({"ssh://a", "ssh://a"}), Error);
  EXPECT_THROW(hosts("node1"), Error);
  EXPECT_THROW(hosts({{{"workers", 2}}}), Error);
}

TEST(SlurmAdvice, SaysWhatToDo) {
  const auto advised = [](const std::string& said, const std::string& part) {
    EXPECT_NE(slurm_advice(said).find(part), std::string::npos) << said << ": " << slurm_advice(said);
  };
  advised(
      "sbatch: error: Batch job submission failed: Invalid partition name specified; invalid partition specified: x",
      "sinfo");
  advised("sbatch: error: QOSMaxSubmitJobPerUserLimit", "no more jobs");
  advised("sbatch: error: Batch job submission failed: Requested node configuration is not available", "lower");
  advised("TIMEOUT", "time");
  advised("ReqNodeNotAvail, UnavailableNodes:n1", "sinfo -R");
  advised("PartitionTimeLimit", "time");
  advised("launch failed requeued held", "scontrol release");
  advised("JobHeldUser", "scontrol release");
  EXPECT_EQ(slurm_advice("Priority"), "");
}

class StudySlurm : public Cli {
 protected:
  void SetUp() override {
    if (const std::string missing = SlurmCluster::missing(); !missing.empty()) GTEST_SKIP() << missing;
    Cli::SetUp();
    fs::create_directories(folder_ / "slurm");
    cluster_ = std::make_unique<SlurmCluster>(folder_ / "slurm");
    ASSERT_TRUE(cluster_->is_up()) << cluster_->logs();
  }
  void TearDown() override {
    cluster_.reset();
    Cli::TearDown();
  }
  void write_study(const std::string& more) const {
    write_file(folder_ / "s.yaml",
               "study: tiny\ndata: {data: shapes, train_limit: 24, test_limit: 12}\nimgsz: 32\nmodels: [yolov5n-cls]\n"
               "train: {epochs: 1, batch: 12, workers: 1}\nbench: {min_samples: 5, min_seconds: 0}\n" +
                   more);
  }
  /// Until nothing is in the queue.
  bool queue_ends(int seconds) const {
    for (int i = 0; i < seconds; ++i) {
      if (cluster_->queue().empty()) return true;
      std::this_thread::sleep_for(std::chrono::seconds(1));
    }
    return false;
  }
  /// By cell, what does not depend on when and where.
  std::map<std::string, Json> rows(const std::string& results) const {
    std::map<std::string, Json> rows;
    for (const record::Record& record : record::latest(record::load(folder_ / results / "records.jsonl").records)) {
      Json row = record::to_json(record);
      std::vector<std::string> times{"time", "host", "timing_id", "timing_drift", "stable"};
      for (const auto& [key, value] : row.items()) {
        if (key.starts_with("latency") || key.starts_with("condition") || key.starts_with("power") ||
            key.starts_with("energy") || key.starts_with("clock") || key.starts_with("temperature")) {
          times.push_back(key);
        }
      }
      for (const std::string& key : times) row.erase(key);
      rows[*record.cell] = row;
    }
    return rows;
  }
  std::unique_ptr<SlurmCluster> cluster_;
};

// Twelve chains, and the node's power goes in the middle: the records are those of a run on this machine, but for
// times.
TEST_F(StudySlurm, TheRecordsAreThoseOfOneMachineThoughTheNodeDies) {
  write_study("seeds: [0, 1, 2, 3]\nmethods: [fp32, {method: ptq, calibration_images: 8, observer: [minmax, mse]}]\n");
  const Outcome submitted = quench("study run s.yaml --out far --executor slurm");
  ASSERT_EQ(submitted.code, 0) << submitted.err;
  EXPECT_NE(submitted.err.find("study status"), std::string::npos) << submitted.err;
  const Outcome twice = quench("study run s.yaml --out far --executor slurm");
  EXPECT_EQ(twice.code, 3) << twice.err;
  EXPECT_NE(twice.err.find("study cancel"), std::string::npos) << twice.err;
  const auto count_done = [&] {
    int64_t count = 0;
    std::error_code code;
    for (const auto& entry : fs::directory_iterator(folder_ / "far/stages/jobs", code)) {
      count += entry.path().extension() == ".done";
    }
    return count;
  };
  for (int i = 0; i < 600 && count_done() < 3; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(500));
  ASSERT_GE(count_done(), 3) << cluster_->queue() << cluster_->logs();
  const std::string status = quench("study status s.yaml --out far").out;
  EXPECT_NE(status.find("slurm "), std::string::npos) << status;
  cluster_->kill_node();
  std::this_thread::sleep_for(std::chrono::seconds(2));
  cluster_->start_node();
  ASSERT_TRUE(queue_ends(900)) << cluster_->queue() << cluster_->logs();
  EXPECT_TRUE(fs::exists(folder_ / "far/report.html")) << "the last job writes the page";
  const Outcome collected = quench("study collect s.yaml --out far --format csv");
  EXPECT_EQ(collected.code, 0) << collected.err << collected.out << quench("study status s.yaml --out far").out;

  const Outcome here = quench("study run s.yaml --out here --format csv");
  ASSERT_EQ(here.code, 0) << here.err;
  const auto far_rows = rows("far"), here_rows = rows("here");
  EXPECT_EQ(far_rows.size(), 12u);
  EXPECT_EQ(far_rows, here_rows);
  for (const record::Record& record : record::load(folder_ / "far/records.jsonl").records) {
    EXPECT_NE(record.host.value_or("").find(", node n1"), std::string::npos) << "the record says which node";
  }
  // Nothing is left to submit.
  const Outcome again = quench("study run s.yaml --out far --executor slurm");
  EXPECT_EQ(again.code, 0);
  EXPECT_NE(again.err.find("nothing to submit"), std::string::npos) << again.err;
}

TEST_F(StudySlurm, WhatTheClusterLacksIsSaidWithWhatToDo) {
  // At once, or, where this Slurm takes the job and lets it wait, by the status.
  const auto expect_said = [&](const std::string& slurm, const std::string& part) {
    write_study(fmt::format("methods: [fp32]\nslurm: {{{}}}\n", slurm));
    const Outcome outcome = quench("study run s.yaml --out r --executor slurm");
    std::string said = outcome.err;
    if (outcome.code == 0) {
      for (int i = 0; i < 20 && said.find(part) == std::string::npos; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(500));
        said = quench("study status s.yaml --out r").out;
      }
      EXPECT_EQ(quench("study cancel s.yaml --out r").code, 0);
      EXPECT_TRUE(queue_ends(60)) << cluster_->queue();
    } else {
      EXPECT_EQ(outcome.code, 2) << outcome.err;
    }
    EXPECT_NE(said.find(part), std::string::npos) << slurm << "\n" << said;
  };
  expect_said("all: {partition: fats}", "sinfo -s");
  expect_said("train: {cpus: 64}", "lower `cpus`");
  expect_said("train: {gpus: 1}", "gpus");
  expect_said("all: {time: 3d}", "lower `time`");
  const Outcome none =
      run(fmt::format("PATH={} {} study run s.yaml --out r --executor slurm", folder_.string(), QUENCH_PROGRAM));
  EXPECT_EQ(none.code, 3) << none.err;
  EXPECT_NE(none.err.find("login node"), std::string::npos) << none.err;
}

// What waits for a node that is down says so, and starts when it is back.
TEST_F(StudySlurm, ANodeThatIsDownIsWaitedFor) {
  write_study("methods: [fp32]\n");
  run_process({"scontrol", "update", "NodeName=n1", "State=DRAIN", "Reason=test"});
  ASSERT_EQ(quench("study run s.yaml --out r --executor slurm").code, 0);
  std::string said;
  for (int i = 0; i < 40 && said.find("sinfo -R") == std::string::npos; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    said = quench("study status s.yaml --out r").out;
  }
  EXPECT_NE(said.find("sinfo -R"), std::string::npos) << said << cluster_->queue();
  run_process({"scontrol", "update", "NodeName=n1", "State=RESUME"});
  EXPECT_TRUE(queue_ends(300)) << cluster_->queue();
  EXPECT_EQ(rows("r").size(), 1u);
}

}  // namespace
}  // namespace quench::study
