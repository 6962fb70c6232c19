#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/cancel.h"
#include "core/log.h"
#include "record/record.h"
#include "runtime/registry.h"
#include "steps/step.h"
#include "study/job_graph.h"
#include "study/progress.h"
#include "study/study_file.h"
#include "study/worker.h"

namespace quench::study {

struct RunContext {
  std::filesystem::path folder;  ///< results: records.jsonl, stages/; created
  std::filesystem::path data_root;
  std::string version;  ///< quench_version of the records
  const runtime::Registry* registry = nullptr;
  const steps::Registry* steps = nullptr;
  const LogSink* log = nullptr;
  const CancelToken* cancel = nullptr;
  std::vector<std::filesystem::path> device_folders = {};  ///< device files, for a study's `forecast`
  std::filesystem::path stages = {};  ///< folder of what is trained and compressed; empty: stages/ of the results
  std::filesystem::path program_folder = {};  ///< agents for devices are looked for near it
  std::filesystem::path cache_folder = {};    ///< tables of latency are kept below it; empty: nowhere
  int threads = 0;                            ///< of evaluations; 0: all processors that may be used
};

/// State of one cell of a study.
struct CellState {
  std::string id;
  std::string status;  ///< of its newest record with this configuration; "pending" where there is none
  std::string reason;
};

/// A job of a study as it stands now.
struct PlannedJob {
  std::string kind;  ///< "train", "quantize", "evaluate", "bench"
  std::string name;
  JobState state = JobState::to_do;
  std::string key;
  std::vector<size_t> after;               ///< places in the list
  std::optional<double> estimate_seconds;  ///< of what is to do or running; empty: nothing is known of it
  bool from_trial = false;                 ///< the estimate: from a trial, not from earlier jobs of its kind
  std::string reason;                      ///< of what failed, is unsupported, or was skipped in the last run
  std::string worker;                      ///< of what a worker does now: "node17, process 123: epoch 3 of 60"
  bool alone = false;                      ///< it times something: its machine does nothing else
};

/// A study as it stands now, also while it runs.
struct StudyState {
  std::vector<PlannedJob> jobs;       ///< those that come before first
  std::vector<CellState> cells;       ///< in the study's order
  std::optional<RunningJob> running;  ///< what a live process works on
};

/// What is done, what runs, what is left, and what failed in the last run. The context's runtimes and steps may be
/// listed ones that cannot work. Nothing is written but the memory of the data's digests.
StudyState state(const StudyFile& study, const RunContext& context);

/// The jobs of state(). trial: what is to do and has neither an earlier job of its kind nor
/// an earlier trial is tried on a few images (study/trial.h), and the times are kept in the folder of stages; a trial
/// that fails is a warning. Throws Error{io} where there is something to try and a study runs with those stages. For
/// that the context needs steps and runtimes that work.
std::vector<PlannedJob> plan(const StudyFile& study, const RunContext& context, bool trial = false);

struct RunSummary {
  std::vector<record::Record> records;  ///< newest of every cell of the study, in its order; then forecasts
  // Cells: each is one of these.
  int64_t ran = 0;                 ///< were done now
  int64_t skipped = 0;             ///< were done before
  int64_t failed = 0;              ///< have failed, or are unsupported, now
  int64_t open = 0;                ///< have no record: others work on them, or nobody does any more
  std::vector<std::string> notes;  ///< the study's, and what the data make worth saying
};

/// A study's jobs as they stand, for who has them done elsewhere.
struct OpenJobs {
  const JobGraph& graph;
  const JobResults& results;  ///< of begin_work()
  JobStores& stores;
};

struct RunOptions {
  /// Has the jobs done by other processes, and returns when they are done or under way; empty: they are done here.
  std::function<void(const OpenJobs&)> elsewhere = {};
  /// Holds the folders of results and stages, so that no other run of this machine works in them.
  bool locks = true;
  Retry retry = Retry::always;
};

/// Runs what is not done yet. Latencies of a model's methods are measured interleaved; cells of a device by ssh are run
/// there by quench-agent, one after the other, with a sample pack of the test split. A cell that fails becomes a
/// record with status `failed` or `unsupported` and its reason, and the rest goes on; Error{cancelled} and a store
/// that cannot be written (Error{io}) stop the run. What has `ok` already, with the same configuration, is not run
/// again. Then latencies on the devices that the study's `forecast` names are forecast; a forecast is stored where it
/// is not what the store has already.
RunSummary run(const StudyFile& study, const RunContext& context, const RunOptions& options = {});

}  // namespace quench::study
