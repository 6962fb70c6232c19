#include "study/run.h"

#include <unistd.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>

#include "core/clock.h"
#include "core/error.h"
#include "core/file.h"
#include "record/store.h"
#include "study/forecasts.h"
#include "study/job_order.h"
#include "study/job_times.h"
#include "study/lock.h"
#include "study/plan.h"
#include "study/record_parts.h"
#include "study/run_setup.h"
#include "study/study_jobs.h"
#include "study/work.h"

namespace quench::study {
namespace {

namespace fs = std::filesystem;

const char* const kSameImagesNote =
    "Training and test images are the same here: accuracy compares methods and says nothing of new images.";

const char* const kForecastNote =
    "Latencies marked forecast were computed, not measured (docs/devices.md). Accuracies beside them were measured "
    "here: "
    "on a CPU with the native runtime they are the device's own, FP16 has those of float32.";

/// False too where nothing had to be run and the data are not there any more.
bool same_images(Stages& stages) {
  try {
    return stages.data().same_images;
  } catch (const Error&) {
    return false;
  }
}

/// Forecasts what the study asks for and stores what is new.
void forecast(const StudyFile& study, const devices::Catalog& catalog, const std::vector<Cell>& cells,
              const Records& known, const Records& stored, Stages& stages, const fs::path& store,
              const std::string& version, RunSummary& summary) {
  if (study.forecast.empty()) return;
  const auto open = [&](const Cell& cell) { return *stages.artifact(cell); };
  for (record::Record& record : forecast_records(study, cells, known, catalog, open)) {
    const auto found = stored.find(*record.cell);
    if (found != stored.end() && same_finding(found->second, record)) {
      record = found->second;
    } else {
      record.quench_version = version;
      record.time = utc_now();
      record::append(store, record);
    }
    summary.records.push_back(std::move(record));
  }
  summary.notes.push_back(kForecastNote);
}

/// Tries what is to do and of which no time is known.
void try_jobs(const StudyJobs& jobs, const JobResults& states, JobTimes& times, const RunContext& context) {
  const JobGraph& graph = jobs.graph();
  std::optional<FolderLock> lock;  // a trial writes where a run does, and would time what shares the machine with it
  for (size_t i = 0; i < graph.jobs().size(); ++i) {
    const Job& job = graph.job(i);
    if (states.state(i) != JobState::to_do || !job.trial || times.estimate(jobs.size(i), job.key)) continue;
    if (!lock) {
      require_writable(stages_folder(context));
      lock.emplace(stages_folder(context));
    }
    try {
      call_and_translate([&] { times.set_trial(job.key, job.trial()); });
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::cancelled) throw;
      context.log->warning(fmt::format("no trial of {} {}: {}", job.kind, job.name, error.what()));
    }
  }
  if (lock) times.save();
}

}  // namespace

namespace {

std::vector<CellState> cell_states(const std::vector<Cell>& cells, const Records& known) {
  std::vector<CellState> out;
  for (const Cell& cell : cells) {
    const auto found = known.find(cell.id);
    if (found == known.end()) {
      out.push_back({cell.id, "pending", ""});
    } else {
      out.push_back({cell.id, found->second.status, found->second.reason.value_or("")});
    }
  }
  return out;
}

/// Whether anything is to be trained, compressed or evaluated: timings need no data.
bool has_work(const JobGraph& graph) {
  const JobResults states = states_of(graph);
  for (size_t i = 0; i < graph.jobs().size(); ++i) {
    const std::string& kind = graph.job(i).kind;
    if (states.state(i) == JobState::to_do && kind != "bench" && kind != "device") return true;
  }
  return false;
}

/// What the workers of a study tell of its jobs.
struct SeenWorkers {
  SeenMarks marks;
  std::map<std::string, JobClaim> claims;  ///< by the job's key
};

SeenWorkers see_workers(const JobStores& stores) {
  SeenWorkers seen{see_marks(stores), {}};
  for (const JobStore* store : {&stores.shared, &stores.own}) {
    for (JobClaim& claim : store->claims()) seen.claims.emplace(claim.key, std::move(claim));
  }
  return seen;
}

/// A job as the folder of results, its workers and the last run tell of it.
PlannedJob planned_job(const Job& job, JobState state, const SeenProgress& seen, const SeenWorkers& workers,
                       JobStores& stores) {
  PlannedJob planned{job.kind,     job.name, state, job.key, job.after,
                     std::nullopt, false,    "",    "",      job.alone == kThisHost};
  if (state != JobState::to_do) return planned;
  const JobSigns* sign = workers.marks.of(job);
  const auto claim = workers.claims.find(job.key);
  if (claim != workers.claims.end()) {
    planned.state = JobState::running;
    planned.worker = fmt::format("{}, process {}{}", claim->second.worker.host, claim->second.worker.process,
                                 claim->second.doing.empty() ? "" : ": " + claim->second.doing);
    return planned;
  }
  if (sign && sign->failed) {
    if (const std::optional<JobMark> mark = stores.of(job).failure(job.key)) {
      planned.state = mark->state;
      planned.reason = mark->reason;
      if (mark->same > 1) planned.reason += fmt::format(" ({} times in a row)", mark->same);
      return planned;
    }
  }
  if (seen.running && seen.running->key == job.key) {
    planned.state = JobState::running;
  } else if (const auto failed = seen.failures.find(job.key); failed != seen.failures.end()) {
    planned.state = failed->second.state;
    planned.reason = failed->second.reason;
  }
  return planned;
}

/// is_plan: of what is to run, so that what cannot be done is refused; else as it stands.
StudyState state_of(const StudyFile& study, const RunContext& context, bool is_plan, bool trial) {
  Stages stages(study, place_of(study, context), *context.registry, *context.steps, *context.log, *context.cancel);
  const Inputs inputs = planned_inputs(study, context);
  const std::vector<Cell> cells = expand(study, inputs.digests);
  const SeenProgress seen = read_progress(context.folder);  // before what is done: a job that ends between is done
  Records known = known_records(stored_records(context.folder, *context.log), cells);
  forget_lost(known, cells, context.folder,
              [&](const Cell& cell, const record::Record&) { return stages.has(cell.steps.back()); });
  if (is_plan) {
    require_possible(study, cells, known, inputs, context.data_root, {});
    if (inputs.missing) {
      context.log->warning(fmt::format("a run would stop here, before any work: {}", inputs.missing->what()));
    }
  }
  StudyJobs jobs(study, cells, known, stages, context, [](const std::vector<Row*>&) {});
  const JobResults states = states_of(jobs.graph());
  std::optional<JobTimes> times;  // read where there is something to estimate
  if (trial) {
    times.emplace(stages_folder(context));
    try_jobs(jobs, states, *times, context);
  }
  StudyState out{{}, cell_states(cells, known), seen.running};
  JobStores stores = job_stores(context, this_worker());
  const SeenWorkers workers = see_workers(stores);
  for (size_t i = 0; i < jobs.graph().jobs().size(); ++i) {
    const Job& job = jobs.graph().job(i);
    PlannedJob planned = planned_job(job, states.state(i), seen, workers, stores);
    if (planned.state == JobState::to_do || planned.state == JobState::running) {
      if (!times) times.emplace(stages_folder(context));
      if (const std::optional<JobTime> time = times->estimate(jobs.size(i), job.key)) {
        planned.estimate_seconds = time->seconds;
        planned.from_trial = time->from_trial;
      }
    }
    out.jobs.push_back(std::move(planned));
  }
  return out;
}

}  // namespace

StudyState state(const StudyFile& study, const RunContext& context) { return state_of(study, context, false, false); }

std::vector<PlannedJob> plan(const StudyFile& study, const RunContext& context, bool trial) {
  return state_of(study, context, true, trial).jobs;
}

namespace {

/// Moves what workers left into the store, waiting for who does so now.
void merge_all(const fs::path& results, JobStore& own, const CancelToken& cancel) {
  constexpr int kPauseUs = 50'000;
  while (!merge_parts(results, own)) {
    cancel.check();
    ::usleep(kPauseUs);
  }
}

/// What the records of now say of the cells, against those of before.
void count_cells(const std::vector<Cell>& cells, const Records& before, const Records& now, RunSummary& summary) {
  for (const Cell& cell : cells) {
    const auto found = now.find(cell.id);
    if (found == now.end()) {
      ++summary.open;
      continue;
    }
    const auto old = before.find(cell.id);
    const bool was_ok = old != before.end() && old->second.status == "ok";
    const bool is_ok = found->second.status == "ok";
    summary.ran += is_ok && !was_ok;
    summary.failed += !is_ok;
    summary.records.push_back(found->second);
  }
}

}  // namespace

RunSummary run(const StudyFile& study, const RunContext& given, const RunOptions& options) {
  RunContext context = given;
  require_writable(context.folder);
  std::optional<FolderLock> lock, stages_lock;
  if (options.locks) lock.emplace(context.folder);
  const fs::path store = context.folder / "records.jsonl";
  const devices::Catalog catalog = catalog_of(study, context.device_folders);
  require_writable(stages_folder(context));
  if (options.locks && !fs::equivalent(stages_folder(context), context.folder)) {
    stages_lock.emplace(stages_folder(context));  // another study may share them
  }
  JobStores stores = job_stores(context, this_worker());
  fs::create_directories(stores.own.folder());
  std::optional<Progress> progress;
  LogSink log = *given.log;
  DoingNow doing;
  if (options.locks) {
    progress.emplace(context.folder);
    log = progress->watching(*given.log);
  }
  context.log = &log;
  Stages stages(study, place_of(study, context), *context.registry, *context.steps, *context.log, *context.cancel);
  const Inputs inputs = current_inputs(study, stages, context);
  const std::vector<Cell> cells = expand(study, inputs.digests);
  const SeenMarks marks = see_marks(stores);
  merge_all(context.folder, stores.own, *context.cancel);
  const Records stored = stored_records(context.folder, *context.log);
  Records known = known_records(stored, cells);
  forget_lost(known, cells, context.folder, [&](const Cell& cell, const record::Record& record) {
    return record.model_sha256 && stages.restore_artifact(cell, *record.model_sha256);
  });
  require_possible(study, cells, known, inputs, context.data_root, stages.latency());

  RunSummary summary;
  summary.notes = study.notes;
  summary.skipped = std::ranges::count_if(known, [](const auto& entry) { return entry.second.status == "ok"; });
  const Records before = known;
  StudyJobs jobs(study, cells, known, stages, context, [&](const std::vector<Row*>& rows) {
    keep_rows(rows, context.folder, stores.own);
    for (const Row* row : rows) known[row->cell->id] = row->record;
  });
  if (inputs.missing && has_work(jobs.graph())) throw *inputs.missing;
  if (progress) progress->begins_jobs();
  allow_work(stores);
  const JobResults begin = begin_work(jobs.graph(), stores, marks, options.retry);
  if (options.elsewhere) {
    if (progress) progress->waits_for_workers();
    write_order(stores.own.folder(), jobs.graph(),
                chains_of(jobs.graph(), begin, jobs.sizes(), JobTimes(stages_folder(context))));
    options.elsewhere({jobs.graph(), begin, stores});
  } else {
    JobObserver nobody;
    jobs.run(begin, stores, {}, *context.cancel, nullptr, doing, progress ? *progress : nobody);
  }
  merge_all(context.folder, stores.own, *context.cancel);
  known = known_records(stored_records(context.folder, *context.log), cells);
  count_cells(cells, before, known, summary);
  if (summary.open == 0) forecast(study, catalog, cells, known, stored, stages, store, context.version, summary);
  if (same_images(stages)) summary.notes.push_back(kSameImagesNote);
  return summary;
}

}  // namespace quench::study
