#include "study/run.h"

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>

#include "config/tables.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/file.h"
#include "core/hash.h"
#include "data/sets/find.h"
#include "record/store.h"
#include "steps/start.h"
#include "study/executor.h"
#include "study/forecasts.h"
#include "study/input_check.h"
#include "study/job_times.h"
#include "study/lock.h"
#include "study/plan.h"
#include "study/pretrained_check.h"
#include "study/prune_check.h"
#include "study/study_jobs.h"
#include "study/teacher_check.h"

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

/// Newest record of each cell id in the store, whatever its configuration; empty where there is no store.
Records stored_records(const fs::path& store, const LogSink& log) {
  Records stored;
  if (!fs::exists(store)) return stored;
  const record::Loaded loaded = record::load(store);
  record::tell_skipped(loaded, log);
  for (record::Record& record : record::latest(loaded.records)) {
    if (record.cell) stored[*record.cell] = std::move(record);
  }
  return stored;
}

/// Those of the cells whose configuration is the cell's own.
Records known_records(const Records& stored, const std::vector<Cell>& cells) {
  Records known;
  for (const Cell& cell : cells) {
    const auto found = stored.find(cell.id);
    if (found != stored.end() && canonical_text(cell.config) == canonical_text(found->second.config))
      known.insert(*found);
  }
  return known;
}

/// Whether the model of a row that is done lies where its record says, in the length that it had.
bool has_artifact(const record::Record& record, const fs::path& results) {
  if (record.status != "ok" || !record.artifact) return true;
  std::error_code code;
  const uintmax_t bytes = fs::file_size(results / *record.artifact, code);
  return !code && (!record.file_bytes || bytes == static_cast<uintmax_t>(*record.file_bytes));
}

/// Rows whose models are lost are done again; `kept` says whether a model can be had all the same.
void forget_lost(Records& known, const std::vector<Cell>& cells, const fs::path& results,
                 const std::function<bool(const Cell&, const record::Record&)>& kept) {
  for (const Cell& cell : cells) {
    const auto found = known.find(cell.id);
    if (found == known.end() || has_artifact(found->second, results) || kept(cell, found->second)) continue;
    known.erase(found);
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

fs::path stages_folder(const RunContext& context) {
  return context.stages.empty() ? context.folder / "stages" : context.stages;
}

/// Where tables of latency, device files and agents are; the study's boards have their names.
latency_table::Surroundings surroundings(const StudyFile& study, const RunContext& context) {
  latency_table::Surroundings where;
  where.cache_folder = context.cache_folder;
  where.program_folder = context.program_folder;
  where.device_folders = context.device_folders;
  where.version = context.version;
  for (const DeviceEntry& device : study.devices) {
    if (device.remote()) where.boards.push_back({device.name, device.address, device.agent, device.ssh_config});
  }
  return where;
}

Stages::Folders folders_of(const StudyFile& study, const RunContext& context) {
  return {stages_folder(context), context.folder, context.data_root, surroundings(study, context)};
}

/// Digests of the data as they were when the study last ran; empty ones where it never did.
InputDigests remembered_digests(const StudyFile& study, const RunContext& context) {
  const fs::path &folder = context.folder, &data_root = context.data_root;
  InputDigests digests;
  digests.latency = [where = surroundings(study, context)](const Json& settings) {
    return latency_table::device_digest(config::latency_settings(settings), where);
  };
  try {
    const Json kept = read_json(folder / "data.json");
    if (kept.at("data") == portable_data(study.data)) {
      digests.train = kept.at("train").get<std::string>();
      digests.test = kept.at("test").get<std::string>();
    }
  } catch (const std::exception&) {
    // none, or not one of ours: as if it never ran
  }
  // Asked for every cell: each file is read once.
  const auto known = std::make_shared<std::map<fs::path, std::string>>();
  digests.teacher = [&study, data_root, known](const std::string& name) -> std::string {
    const fs::path file = steps::find_file(name, data::root_of(study.data, data_root));
    const auto [found, is_new] = known->try_emplace(file);
    if (is_new && fs::exists(file)) found->second = sha256_file(file);
    return found->second;
  };
  digests.weights = [digest = digests.teacher](const Json& model) -> std::string {
    return model["pretrained"].is_null() ? "" : digest(model["pretrained"].get<std::string>());
  };
  return digests;
}

/// What a plan needs to know of the data.
struct Inputs {
  InputDigests digests;
  std::string task;                  ///< of the data
  std::vector<std::string> classes;  ///< none where there are no data
  std::optional<Error> missing;      ///< why there are none
};

/// Those of the data as they are, opened by `open`. Where there are no data, the digests of the last run: what is done
/// stays done, and a run that has anything else to do stops with the reason.
template <typename Open>
Inputs inputs_now(const StudyFile& study, const RunContext& context, const Open& open) {
  Inputs inputs{remembered_digests(study, context), {}, {}, {}};
  InputDigests& digests = inputs.digests;
  try {
    const data::Splits& data = open();
    inputs.task = data.train->task();
    inputs.classes = data.train->classes();
    std::string train = data.train->digest();
    if (data.validation) train = sha256_hex(train + data.validation->digest());  // it may choose among epochs
    digests.test = data.test->digest();
    digests.train = std::move(train);
  } catch (const Error& error) {
    // Not there: as they were. There, but not as they should be: what is done was done with others.
    if (error.kind() != ErrorKind::io && !digests.train.empty()) throw;
    inputs.missing = error;
  }
  return inputs;
}

/// For a plan or states: nothing is written, and what is wrong with the data is for the run to tell.
Inputs planned_inputs(const StudyFile& study, const RunContext& context) {
  return inputs_now(study, context, [&] { return open_data(study.data, context.data_root, {}, false); });
}

/// For a run, which remembers the digests.
Inputs current_inputs(const StudyFile& study, Stages& stages, const RunContext& context) {
  Inputs inputs = inputs_now(study, context, [&]() -> const data::Splits& { return stages.data(); });
  const InputDigests& digests = inputs.digests;
  if (digests.train.empty()) return inputs;
  write_file(
      context.folder / "data.json",
      Json{{"data", portable_data(study.data)}, {"train", digests.train}, {"test", digests.test}}.dump(2) + "\n");
  return inputs;
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

/// A job as the folder of results and the last run tell of it.
PlannedJob planned_job(const Job& job, JobState state, const SeenProgress& seen) {
  PlannedJob planned{job.kind, job.name, state, job.key, job.after, std::nullopt, false, ""};
  if (state != JobState::to_do) return planned;
  if (seen.running && seen.running->key == job.key) {
    planned.state = JobState::running;
  } else if (const auto failed = seen.failures.find(job.key); failed != seen.failures.end()) {
    planned.state = failed->second.state;
    planned.reason = failed->second.reason;
  }
  return planned;
}

/// What no training can mend is told before the first.
void require_possible(const StudyFile& study, const std::vector<Cell>& cells, const Records& known,
                      const Inputs& inputs, const fs::path& data_root, const prune::LatencyOf& latency) {
  ModelGraphs graphs(inputs.classes);
  check_pretrained(study, cells, known, graphs, data_root);
  check_files(study, cells, known, data_root);
  check_classes(study, cells, known, inputs.task, inputs.classes, data_root);
  check_teachers(study, cells, known, graphs, data_root);
  check_prunings(study, cells, known, graphs, latency);
}

/// is_plan: of what is to run, so that what cannot be done is refused; else as it stands.
StudyState state_of(const StudyFile& study, const RunContext& context, bool is_plan, bool trial) {
  Stages stages(study, folders_of(study, context), *context.registry, *context.steps, *context.log, *context.cancel);
  const Inputs inputs = planned_inputs(study, context);
  const std::vector<Cell> cells = expand(study, inputs.digests);
  const SeenProgress seen = read_progress(context.folder);  // before what is done: a job that ends between is done
  Records known = known_records(stored_records(context.folder / "records.jsonl", *context.log), cells);
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
  for (size_t i = 0; i < jobs.graph().jobs().size(); ++i) {
    const Job& job = jobs.graph().job(i);
    PlannedJob planned = planned_job(job, states.state(i), seen);
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

RunSummary run(const StudyFile& study, const RunContext& given) {
  RunContext context = given;
  require_writable(context.folder);
  const FolderLock lock(context.folder);
  const fs::path store = context.folder / "records.jsonl";
  const devices::Catalog catalog = catalog_of(study, context.device_folders);
  require_writable(stages_folder(context));
  std::optional<FolderLock> stages_lock;  // another study may share them
  if (!fs::equivalent(stages_folder(context), context.folder)) stages_lock.emplace(stages_folder(context));
  Progress progress(context.folder);
  const LogSink log = progress.watching(*given.log);
  context.log = &log;
  Stages stages(study, folders_of(study, context), *context.registry, *context.steps, *context.log, *context.cancel);
  const Inputs inputs = current_inputs(study, stages, context);
  const std::vector<Cell> cells = expand(study, inputs.digests);
  const Records stored = stored_records(store, *context.log);
  Records known = known_records(stored, cells);
  forget_lost(known, cells, context.folder, [&](const Cell& cell, const record::Record& record) {
    return record.model_sha256 && stages.restore_artifact(cell, *record.model_sha256);
  });
  require_possible(study, cells, known, inputs, context.data_root, stages.latency());

  RunSummary summary;
  summary.notes = study.notes;
  summary.skipped = std::ranges::count_if(known, [](const auto& entry) { return entry.second.status == "ok"; });
  StudyJobs jobs(study, cells, known, stages, context, [&](const std::vector<Row*>& rows) {
    std::vector<record::Record> made;
    for (Row* row : rows) {
      row->record.time = utc_now();
      made.push_back(row->record);
      summary.ran += !row->known && !row->failed();
      summary.failed += row->failed();
      known[row->cell->id] = row->record;
    }
    record::append(store, made);
  });
  if (inputs.missing && has_work(jobs.graph())) throw *inputs.missing;
  progress.begins_jobs();
  jobs.run(progress);
  for (const Cell& cell : cells) summary.records.push_back(known.at(cell.id));
  forecast(study, catalog, cells, known, stored, stages, store, context.version, summary);
  if (same_images(stages)) summary.notes.push_back(kSameImagesNote);
  return summary;
}

}  // namespace quench::study
