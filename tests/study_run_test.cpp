#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <thread>

#include "core/error.h"
#include "core/file.h"
#include "core/gzip.h"
#include "core/hash.h"
#include "data/pictures/image_file.h"
#include "error_testing.h"
#include "graph/onnx_write.h"
#include "metrics/outcomes.h"
#include "models/spec.h"
#include "record/store.h"
#include "study/lock.h"
#include "study/stages.h"
#include "study_testing.h"

namespace quench::study {
namespace {

namespace fs = std::filesystem;

class StudyRun : public StudyTest {
 protected:
  static std::map<fs::path, fs::file_time_type> last_written(const fs::path& folder) {
    std::map<fs::path, fs::file_time_type> times;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      if (entry.is_regular_file() && entry.path().filename() != ".lock") times[entry.path()] = entry.last_write_time();
    }
    return times;
  }
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

  for (const record::Record& record : first.records) {  // what each image adds, as the record says
    ASSERT_TRUE(record.outcomes.has_value());
    const std::string text = gunzip(read_file(folder_ / *record.outcomes), "outcomes");
    const metrics::Outcomes outcomes = metrics::outcomes_from(parse_json(text, "outcomes"), "outcomes");
    ASSERT_EQ(outcomes.images(), 100);
    EXPECT_DOUBLE_EQ(static_cast<double>(std::ranges::count(outcomes.ahead, 0)) / 100, *record.top1);
    EXPECT_TRUE(fs::path(*record.outcomes).filename().string().starts_with(sha256_hex(text).substr(0, 16)));
  }

  const std::string stored = read_file(folder_ / "records.jsonl");
  const RunSummary second = run(study, context());
  EXPECT_EQ(second.ran, 0);
  EXPECT_EQ(second.skipped, 2);
  EXPECT_EQ(read_file(folder_ / "records.jsonl"), stored);
  for (const CellState& cell : state(study, context()).cells) EXPECT_EQ(cell.status, "ok");
}

// Forecast latencies stand beside measured ones, are stored once, and need a device that is known before any work.
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

TEST_F(StudyRun, StagesOfAnotherRunAreLocked) {
  std::filesystem::create_directories(folder_ / "stages");
  const FolderLock other(folder_ / "stages");
  const auto [kind, message] = error_of([&] { run(tiny("[fp32]"), context()); });
  EXPECT_NE(message.find("stages"), std::string::npos) << message;
}

TEST_F(StudyRun, AnArtifactThatIsWrittenOverChangesNoLaterWork) {
  run(tiny("[fp32]"), context());
  const auto files = [&](const char* name) {
    std::vector<std::filesystem::path> found;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_ / name)) {
      if (entry.path().extension() == ".onnx") found.push_back(entry.path());
    }
    return found;
  };
  ASSERT_EQ(files("artifacts").size(), 1u);
  const std::string made = read_file(files("artifacts")[0]);
  write_file(files("artifacts")[0], "of another tool");
  ASSERT_EQ(files("stages").size(), 1u);
  EXPECT_EQ(read_file(files("stages")[0]), made);
  run(tiny("[fp32, ptq]"), context());
  EXPECT_EQ(read_file(folder_ / "artifacts/yolov5n-cls@32/fp32-s0.onnx"), made);
}

TEST_F(StudyRun, ForecastsLatenciesOfDevices) {
  const std::string methods = "[fp32, {method: ptq, calibration_images: 16}]";
  RunContext with_devices = context();
  with_devices.device_folders = {fs::path(QUENCH_SOURCE_DIR) / "devices"};
  EXPECT_THROW(run(tiny(methods, "forecast: {device: jetson-nanu}"), with_devices), Error);
  EXPECT_FALSE(fs::exists(folder_ / "stages"));

  const StudyFile study = tiny(methods, "forecast: {device: jetson-nano, engine: [cpu, gpu], precision: [fp16, int8]}");
  const RunSummary first = run(study, with_devices);
  ASSERT_EQ(first.records.size(), 2u + 4u);
  int forecast = 0, unsupported = 0;
  for (const record::Record& record : first.records) {
    forecast += record.latency_source == "forecast";
    unsupported += record.status == "unsupported";
    EXPECT_EQ(record.top1.has_value(), record.status == "ok") << *record.cell;
    EXPECT_EQ(record.quench_version, "test") << *record.cell;
  }
  EXPECT_EQ(forecast, 2);     // FP16 on the GPU, INT8 on the CPU
  EXPECT_EQ(unsupported, 2);  // FP16 on the CPU, INT8 on the GPU
  EXPECT_EQ(first.failed, 0);
  EXPECT_NE(first.notes.back().find("forecast"), std::string::npos);

  const StudyFile cut = tiny("[{name: cut, steps: [{prune: {target_gflops: 0.5x}}]}]",
                             "forecast: {device: jetson-nano, engine: cpu, precision: [fp32, int8]}");
  RunContext elsewhere = with_devices;
  elsewhere.folder = folder_ / "cut";
  const RunSummary pruned = run(cut, elsewhere);  // a float model, though its method is not fp32
  ASSERT_EQ(pruned.records.size(), 2u);
  EXPECT_EQ(pruned.records.back().cell, "yolov5n-cls@32/cut/jetson-nano/cpu/native/fp32/s0");

  const std::string stored = read_file(folder_ / "records.jsonl");
  EXPECT_EQ(std::ranges::count(stored, '\n'), 6);
  EXPECT_EQ(run(study, with_devices).records.size(), 6u);
  EXPECT_EQ(read_file(folder_ / "records.jsonl"), stored);

  // A folder of before, whose records say `predicted`, with its study file, which says `predict`: nothing is done
  // again.
  const std::string word = R"("latency_source":"forecast")";
  std::string old = stored;
  for (size_t at = 0; (at = old.find(word, at)) != std::string::npos;) {
    old.replace(at, word.size(), R"("latency_source":"predicted")");
  }
  EXPECT_NE(old, stored);
  write_file(folder_ / "records.jsonl", old);
  const RunSummary later =
      run(tiny(methods, "predict: {device: jetson-nano, engine: [cpu, gpu], precision: [fp16, int8]}"), with_devices);
  EXPECT_EQ(later.ran, 0);
  EXPECT_EQ(read_file(folder_ / "records.jsonl"), old);
  EXPECT_EQ(std::ranges::count(later.records, "forecast", &record::Record::latency_source), 2);
}

/// The only file of the name below a folder.
fs::path only_file(const fs::path& folder, const std::string& begin, const char* name) {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().filename().string().starts_with(begin)) found.push_back(entry.path() / name);
  }
  EXPECT_EQ(found.size(), 1u) << begin;
  return found.at(0);
}

std::string flipped(std::string bytes) {
  char& byte = bytes.at(bytes.size() / 2);
  byte = static_cast<char>(byte ^ 4);
  return bytes;
}

// A file that a disk changed was once taken for what it was, or failed every row.
TEST_F(StudyRun, ADamagedStageIsMadeAgain) {
  run(tiny("[fp32]"), context());
  const fs::path stages = folder_ / "stages";
  const fs::path model = only_file(stages, "train-", "model.onnx");
  const std::string made = read_file(model);
  const auto damaged_messages = [&] {
    return std::ranges::count_if(messages_,
                                 [](const std::string& text) { return text.find("made again") != std::string::npos; });
  };
  for (const std::string& bad : {flipped(made), made.substr(0, made.size() / 2), std::string()}) {
    write_file(model, bad);
    messages_.clear();
    fs::remove_all(folder_ / "artifacts");
    const RunSummary more = run(tiny("[fp32, {method: ptq, calibration_images: 16}]"), context());
    EXPECT_EQ(more.failed, 0) << more.records.back().reason.value_or("");
    EXPECT_EQ(read_file(model), made);
    EXPECT_EQ(damaged_messages(), 1);
    EXPECT_EQ(read_file(folder_ / "artifacts/yolov5n-cls@32/fp32-s0.onnx"), made);
    fs::remove(folder_ / "records.jsonl");
    fs::remove_all(only_file(stages, "quantize-", ""));
  }
}

TEST_F(StudyRun, AnArtifactThatIsLostIsPutBackOrMadeAgain) {
  const StudyFile study = tiny("[fp32]");
  run(study, context());
  const fs::path artifact = folder_ / "artifacts/yolov5n-cls@32/fp32-s0.onnx";
  const std::string made = read_file(artifact);
  const std::string records = read_file(folder_ / "records.jsonl");
  fs::remove(artifact);
  EXPECT_EQ(state(study, context()).cells.at(0).status, "ok");  // its stage is there
  EXPECT_EQ(run(study, context()).ran, 0);
  EXPECT_EQ(read_file(artifact), made);
  write_file(artifact, made.substr(0, 1000));
  EXPECT_EQ(run(study, context()).ran, 0);
  EXPECT_EQ(read_file(artifact), made);
  EXPECT_EQ(read_file(folder_ / "records.jsonl"), records);
  fs::remove(artifact);
  fs::remove_all(folder_ / "stages");
  EXPECT_NE(state(study, context()).cells.at(0).status, "ok");
  EXPECT_EQ(run(study, context()).ran, 1);
  EXPECT_EQ(read_file(artifact), made);
}

TEST_F(StudyRun, ADamagedEvaluationIsMadeAgain) {
  const RunSummary first = run(tiny("[fp32]"), context());
  const fs::path file = only_file(folder_ / "stages", "evaluate-", "evaluation.json");
  const std::string made = read_file(file);
  std::string other = made;  // still JSON, with another figure
  const size_t digit = other.find_first_of("12345678", other.find("0."));
  ASSERT_NE(digit, std::string::npos);
  ++other[digit];
  write_file(file, other);
  fs::remove(folder_ / "records.jsonl");
  EXPECT_EQ(state(tiny("[fp32]"), context()).jobs.at(1).state, JobState::to_do);
  const RunSummary again = run(tiny("[fp32]"), context());
  EXPECT_EQ(again.records.at(0).top1, first.records.at(0).top1);
  EXPECT_EQ(read_file(file), made);
}

// Both the look at what is done and the work once said it.
TEST_F(StudyRun, ADamagedEvaluationIsToldOnce) {
  run(tiny("[fp32]"), context());
  write_file(only_file(folder_ / "stages", "evaluate-", "evaluation.json"), "{}");
  fs::remove(folder_ / "records.jsonl");
  messages_.clear();
  EXPECT_EQ(run(tiny("[fp32]"), context()).failed, 0);
  EXPECT_EQ(std::ranges::count_if(messages_,
                                  [](const std::string& text) {
                                    return text.find("an evaluation has to be made again") != std::string::npos;
                                  }),
            1);
}

// A kill between the rows of one timing once left them apart, and without a speed-up, for good.
TEST_F(StudyRun, RowsThatAKillPartedAreTimedTogetherAgain) {
  const StudyFile study = tiny("[fp32, {method: ptq, calibration_images: 16}]");
  const RunSummary first = run(study, context());
  ASSERT_EQ(first.failed, 0);
  const fs::path store = folder_ / "records.jsonl";
  std::vector<record::Record> records = record::load(store).records;
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].timing_id, records[1].timing_id);
  records[1].timing_id = "another";
  record::append(store, records[1]);
  const auto bench = [&] {
    const StudyState now = state(study, context());
    return std::ranges::find(now.jobs, "bench", &PlannedJob::kind)->state;
  };
  EXPECT_EQ(bench(), JobState::to_do);
  const RunSummary again = run(study, context());
  EXPECT_EQ(again.ran, 0) << "nothing is trained or evaluated";
  EXPECT_EQ(again.records[0].timing_id, again.records[1].timing_id);
  EXPECT_NE(again.records[0].timing_id, records[0].timing_id);
  EXPECT_EQ(again.records[1].top1, first.records[1].top1);
  EXPECT_EQ(bench(), JobState::done_before);
  EXPECT_EQ(record::load(store).records.size(), 5u) << "both anew";
  // Where their models are gone, nobody can time them again: no run tries it each time.
  record::append(store, records[1]);
  fs::remove_all(folder_ / "stages");
  EXPECT_EQ(bench(), JobState::done_before);
}

// One row that failed before the timing once made the timing of all the others a failure.
TEST_F(StudyRun, ATimingWithoutAFailedRowHasNotFailed) {
  const StudyFile study = tiny("[fp32, {method: ptq, calibration_images: 0}]");
  ASSERT_EQ(run(study, context()).failed, 1);
  const StudyState after = state(study, context());
  const auto bench = std::ranges::find(after.jobs, "bench", &PlannedJob::kind);
  EXPECT_EQ(bench->state, JobState::done);
  EXPECT_TRUE(bench->reason.starts_with("without 1 of 2 rows, yolov5n-cls@32/ptq")) << bench->reason;
  EXPECT_EQ(std::ranges::find(after.jobs, "quantize", &PlannedJob::kind)->state, JobState::failed);
}

// What nothing can reach is told before the training, and by `study plan`.
// `study plan` and `status` once made the folder of data, to remember there what they had read.
TEST_F(StudyRun, LookingMakesNoFolderOfData) {
  const fs::path pictures = fs::temp_directory_path() / fmt::format("quench-study-pictures-{}", ::getpid());
  for (const char* place : {"train/a", "train/b", "test/a", "test/b"}) {
    Tensor pixels(DType::u8, {8, 8, 3});
    data::write_image(pictures / place / "0.png", pixels);
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(2100));  // what is younger is not remembered in any case
  const StudyFile study = tiny("[fp32]", "", methods::step_table(), pictures.string());
  RunContext looking = context();
  looking.data_root = folder_ / "data";
  state(study, looking);
  plan(study, looking);
  EXPECT_FALSE(fs::exists(looking.data_root));
  fs::create_directories(looking.data_root);
  state(study, looking);
  EXPECT_TRUE(fs::exists(looking.data_root / "file_digests")) << "where it is, it remembers";
  fs::remove_all(pictures);
}

TEST_F(StudyRun, AStrangeLineOfTheRecordsStopsNothing) {
  const StudyFile study = tiny("[fp32]");
  run(study, context());
  const fs::path store = folder_ / "records.jsonl";
  write_file(store, "strange\n" + read_file(store));
  messages_.clear();
  const RunSummary again = run(study, context());
  EXPECT_EQ(again.skipped, 1);
  EXPECT_TRUE(std::ranges::any_of(messages_, [](const std::string& text) {
    return text.find("records.jsonl: line 1 is skipped") != std::string::npos;
  }));
  EXPECT_TRUE(read_file(store).starts_with("strange\n"));
}

std::map<std::string, JobState> states_by_kind(const StudyState& state) {
  std::map<std::string, JobState> states;
  for (const PlannedJob& job : state.jobs) states[job.kind] = job.state;
  return states;
}

// `study status` beside a run: what is done, what it works on, what is to do.
TEST_F(StudyRun, TheStateTellsWhatRunsNow) {
  const StudyFile study = tiny("[fp32]");
  std::vector<StudyState> seen;
  const LogSink log{[&](LogLevel, std::string_view text) {
                      if (text.ends_with("evaluating with torch")) seen.push_back(state(study, context()));
                    },
                    nullptr};
  RunContext watched = context();
  watched.log = &log;
  ASSERT_EQ(run(study, watched).failed, 0);
  ASSERT_EQ(seen.size(), 1u);
  ASSERT_TRUE(seen[0].running.has_value());
  EXPECT_EQ(seen[0].running->kind, "evaluate");
  EXPECT_EQ(seen[0].running->process, ::getpid());
  EXPECT_EQ(states_by_kind(seen[0]),
            (std::map<std::string, JobState>{
                {"train", JobState::done_before}, {"evaluate", JobState::running}, {"bench", JobState::to_do}}));
  EXPECT_EQ(seen[0].cells.at(0).status, "pending");

  const StudyState after = state(study, context());
  EXPECT_FALSE(after.running.has_value());
  EXPECT_EQ(std::ranges::count(after.jobs, JobState::done_before, &PlannedJob::state), 3);
}

// A table of latencies is learned before the first job: that takes minutes on a board.
TEST_F(StudyRun, TheStateTellsWhatIsLearnedBeforeTheFirstJob) {
  const StudyFile study = tiny("[{name: fast, steps: [{prune: {target_latency: 0.8x}}]}]");
  std::vector<StudyState> seen;
  RunContext watched = context();
  watched.cache_folder = folder_ / "cache";
  LogSink log;
  log.message = [&](LogLevel, std::string_view text) { messages_.emplace_back(text); };
  log.step = [&](const Step& step) {
    if (step.phase == "latency table" && seen.empty()) seen.push_back(state(study, watched));
  };
  watched.log = &log;
  ASSERT_EQ(run(study, watched).failed, 0);
  ASSERT_EQ(seen.size(), 1u);
  ASSERT_TRUE(seen[0].running.has_value());
  EXPECT_EQ(seen[0].running->kind, "check");
  EXPECT_EQ(seen[0].running->process, ::getpid());
  EXPECT_TRUE(seen[0].running->doing.starts_with("latency table: layer 0 of ")) << seen[0].running->doing;
  for (const PlannedJob& job : seen[0].jobs) EXPECT_EQ(job.state, JobState::to_do) << job.kind;
}

TEST_F(StudyRun, AStageWithoutItsChecksumIsMadeAgain) {
  run(tiny("[fp32]"), context());
  const fs::path model = only_file(folder_ / "stages", "train-", "model.onnx");
  const std::string made = read_file(model);
  fs::path seal = model;
  fs::remove(seal += ".sha256");
  write_file(model, flipped(made));
  fs::remove(folder_ / "records.jsonl");
  fs::remove_all(only_file(folder_ / "stages", "evaluate-", ""));
  run(tiny("[fp32]"), context());
  EXPECT_EQ(read_file(model), made);
}

TEST_F(StudyRun, ADamagedPackIsMadeAgain) {
  const StudyFile study = tiny("[fp32]");
  const graph::Graph graph = models::build("yolov5n-cls", {.classes = {"a"}, .imgsz = 32});
  const auto pack = [&] {
    messages_.clear();
    Stages stages(study, {folder_ / "stages", folder_, "/nonexistent"}, registry_, steps_, log_, cancel_);
    const fs::path file = stages.pack(graph);
    EXPECT_EQ(stages.pack(graph), file);
    return file;
  };
  const auto count = [&](const char* part) {
    return std::ranges::count_if(messages_, [&](const std::string& text) { return text.find(part) != text.npos; });
  };
  const fs::path file = pack();
  const std::string made = read_file(file);
  EXPECT_EQ(count("packing"), 1);
  pack();
  EXPECT_EQ(count("packing"), 0);
  for (const std::string& bad : {flipped(made), made.substr(0, made.size() / 2), std::string()}) {
    write_file(file, bad);
    pack();
    EXPECT_EQ(count("is damaged and is made again"), 1);
    EXPECT_EQ(read_file(file), made);
  }
}

TEST_F(StudyRun, FailuresThatAreNoFileAreNone) {
  fs::create_directories(folder_);
  ASSERT_EQ(::mkfifo((folder_ / "failures.jsonl").c_str(), 0600), 0);
  EXPECT_EQ(state(tiny("[fp32]"), context()).jobs.at(0).state, JobState::to_do);  // and it does not hang
}

TEST_F(StudyRun, WhatAKilledRunWorkedOnDoesNotRun) {
  const StudyFile study = tiny("[fp32]");
  const std::string key = state(study, context()).jobs.at(0).key;
  fs::create_directories(folder_);
  write_file(folder_ / "running.json",
             Json{{"key", key}, {"job", "train"}, {"of", "x"}, {"since", "now"}, {"process", ::getpid()}}.dump());
  {
    const FolderLock lock(folder_);
    EXPECT_EQ(state(study, context()).jobs.at(0).state, JobState::running);
  }
  write_file(folder_ / ".lock", std::to_string(::getpid()));  // left by one that is gone
  EXPECT_EQ(folder_holder(folder_), std::nullopt);
  EXPECT_EQ(state(study, context()).jobs.at(0).state, JobState::to_do);
  EXPECT_FALSE(state(study, context()).running.has_value());
}

TEST_F(StudyRun, TheStateTellsWhatFailedAndWhy) {
  const auto none = [](std::string_view) { return config::OptionSet(); };
  const auto same = [](const methods::ModelKind& kind) { return kind; };
  steps_.add({"tear", "Fail", methods::Needs::nothing, false, none, same},
             [](const steps::StepInput&) -> graph::Graph { fail(ErrorKind::data, "torn apart"); });
  steps_.add({"fly", "Cannot", methods::Needs::nothing, false, none, same},
             [](const steps::StepInput&) -> graph::Graph { fail(ErrorKind::unsupported, "no wings"); });
  const StudyFile study = tiny("[{name: torn, steps: [tear]}, {name: flown, steps: [fly]}]", "", steps_.table());
  ASSERT_EQ(run(study, context()).failed, 2);
  std::map<std::string, PlannedJob> jobs;
  const StudyState after = state(study, context());
  for (const PlannedJob& job : after.jobs) jobs[job.kind + " " + job.name] = job;
  const PlannedJob& torn = jobs.at("tear yolov5n-cls@32/torn s0");
  EXPECT_EQ(torn.state, JobState::failed);
  EXPECT_EQ(torn.reason, "torn apart");
  EXPECT_EQ(jobs.at("fly yolov5n-cls@32/flown s0").state, JobState::unsupported);
  EXPECT_EQ(jobs.at("evaluate yolov5n-cls@32/torn s0, torch").state, JobState::skipped);
  EXPECT_EQ(std::ranges::count(after.jobs, JobState::to_do, &PlannedJob::state), 0);
  for (const PlannedJob& job : after.jobs) {
    if (job.kind != "bench") continue;
    EXPECT_EQ(job.state, JobState::failed);
    EXPECT_NE(job.reason.find("torn apart"), std::string::npos) << job.reason;
  }
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

TEST_F(StudyRun, EveryCellIsCountedOnce) {
  const StudyFile study =
      tiny("[{method: ptq, calibration_images: 0}, {method: ptq, observer: minmax, calibration_images: 16}]");
  for (const int64_t done_before : {0, 1}) {
    const RunSummary summary = run(study, context());
    EXPECT_EQ(summary.ran, 1 - done_before) << "one that failed before is not done now";
    EXPECT_EQ(summary.skipped, done_before);
    EXPECT_EQ(summary.failed, 1);
  }
}

TEST_F(StudyRun, ChangedSettingsRunAgain) {
  run(tiny("[fp32]"), context());
  const RunSummary again = run(tiny("[fp32]", "seeds: [1]"), context());
  EXPECT_EQ(again.ran, 1);
  EXPECT_EQ(record::load(folder_ / "records.jsonl").records.size(), 2u);
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

}  // namespace
}  // namespace quench::study
