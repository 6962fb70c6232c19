#include "study/study_jobs.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "core/random_id.h"
#include "core/text.h"
#include "platform/bench_set.h"
#include "platform/measured.h"
#include "record/rounds.h"
#include "study/cell_record.h"
#include "study/outcomes_file.h"

namespace quench::study {
namespace {

/// Bits of float layers in a runtime, also in one that only a device has.
int float_bits(const runtime::Registry& registry, const std::string& name) {
  for (const auto& runtime : registry.all()) {
    if (runtime->name() == name) return runtime->float_bits();
  }
  return 32;
}

/// Hash of what all rows of a study have in common.
std::string common_key(const StudyFile& study) {
  return job_key({{"data", portable_data(study.data)}, {"detect", study.detect}, {"bench", study.bench}});
}

constexpr const char* kSimulation = "torch";

}  // namespace

StudyJobs::StudyJobs(const StudyFile& study, const std::vector<Cell>& cells, const Records& known, Stages& stages,
                     const RunContext& context, std::function<void(const std::vector<Row*>&)> finished)
    : study_(study),
      stages_(stages),
      context_(context),
      common_key_(common_key(study)),
      remote_(study, stages, context),
      trial_(study, stages, context, stages.trial_folder()),
      finished_(std::move(finished)) {
  rows_.reserve(cells.size());
  for (const Cell& cell : cells) {
    Row& row = rows_.emplace_back();
    row.cell = &cell;
    const auto found = known.find(cell.id);
    row.known = found != known.end() && found->second.status == "ok";
    if (row.known) row.record = found->second;
  }
  size_t begin = 0;
  while (begin < rows_.size()) {  // rows of one model and seed stand together: their timing follows their work
    size_t end = begin;
    const auto same = [&](const Row& row) {
      return row.cell->model.label == rows_[begin].cell->model.label && row.cell->seed == rows_[begin].cell->seed;
    };
    while (end < rows_.size() && same(rows_[end])) add_row(rows_[end++]);
    add_timings(begin, end);
    begin = end;
  }
}

/// The id names model, method, seed, runtime, device and threads; the artifact's key covers how it is made.
std::string StudyJobs::row_key(const Cell& cell) const {
  return job_key({{"row", cell.id},
                  {"artifact", cell.model_key()},
                  {"test", cell.config.at("test_digest")},
                  {"study", common_key_}});
}

size_t StudyJobs::add(Job job, const std::function<JobSize()>& size) {
  const size_t place = graph_.add(std::move(job));
  if (place == sizes_.size()) sizes_.push_back(size ? size() : JobSize());
  return place;
}

void StudyJobs::add_row(Row& row) {
  const Cell& cell = *row.cell;
  std::vector<size_t> before;
  for (size_t i = 0; i < cell.steps.size(); ++i) {
    const PlannedStep& step = cell.steps[i];
    const bool known = row.known;
    const std::string name = i == 0 ? fmt::format("{} s{}", cell.model.label, cell.seed)
                                    : fmt::format("{} s{}", artifact_name(cell), cell.seed);
    before = {
        add({step.key, step.step, name, before, [this, &step, known] { return known || stages_.has(step); },
             [this, &cell, i] { stages_.make(cell, i); }, false, [this, &cell, i] { return trial_.step(cell, i); }},
            [&] { return size_of_step(cell, step, study_.data); })};
  }
  row.needs = before;
  std::vector<std::string> runtimes{kSimulation};
  if (!cell.device.remote()) runtimes.insert(runtimes.begin(), cell.runtime);
  for (const std::string& runtime : runtimes) {
    const std::string key = stages_.evaluation_key(cell, runtime);
    row.needs.push_back(
        add({key, "evaluate", fmt::format("{} s{}, {}", artifact_name(cell), cell.seed, runtime), before,
             [this, key, known = row.known, of_images = runtime != kSimulation] {
               return known || stages_.has_evaluation(key, of_images);
             },
             [this, &cell, runtime] { stages_.evaluate(cell, runtime); }, false,
             [this, &cell, runtime] { return trial_.evaluate(cell, runtime); }},
            [&] { return size_of_evaluation(cell, runtime, study_.data); }));
  }
  if (cell.device.remote()) {
    const std::string key = row_key(cell);
    add({.key = key,
         .kind = "device",
         .name = cell.id,
         .after = row.needs,
         .is_done = [known = row.known] { return known; },
         .work =
             [this, &row, key] {
               run_remote(row);
               tell_failures(key, {&row});
             },
         .runs_after_failures = true,
         .alone = cell.device.name,
         .of_study = true});
  }
}

void StudyJobs::add_timings(size_t begin, size_t end) {
  std::map<std::pair<std::string, int64_t>, std::vector<Row*>> sets;
  for (size_t i = begin; i < end; ++i) {
    const Cell& cell = *rows_[i].cell;
    if (!cell.device.remote()) sets[{cell.runtime, cell.threads}].push_back(&rows_[i]);
  }
  for (auto& [key, set] : sets) {
    Json keys = Json::array();
    std::vector<size_t> after;
    for (const Row* row : set) {
      keys.push_back(row_key(*row->cell));
      after.insert(after.end(), row->needs.begin(), row->needs.end());
    }
    const Cell& cell = *set.front()->cell;
    const bool known = std::ranges::all_of(set, &Row::known) && !timed_apart(set);
    const std::string job = job_key({{"bench", keys}});
    add({job, "bench",
         fmt::format("{} s{}, {}, {}, {}", cell.model.label, cell.seed, counted(std::ssize(set), "model"), key.first,
                     counted(key.second, "thread")),
         after, [known] { return known; },
         [this, rows = set, key = key, job]() mutable {
           time_set(rows, key.first, key.second);
           tell_failures(job, rows);
         },
         true,
         [this, rows = set] {
           double seconds = 0;
           for (const Row* row : rows) seconds += trial_.bench(*row->cell);
           return seconds;
         },
         kThisHost, true});
  }
}

void StudyJobs::run(const JobResults& begin, JobStores& stores, const WorkOptions& options, const CancelToken& cancel,
                    CancelToken* stop, const DoingNow& doing, JobObserver& observer) {
  record::Record here;  // of this machine, asked once
  platform::set_host(here, context_.version);
  for (Row& row : rows_) {
    if (!row.known) row.record = start_record(study_, *row.cell, context_.version, here.host);
  }
  ToldFailures told(observer);
  observer_ = &told;
  results_ = begin;
  work_on(graph_, *results_, stores, options, cancel, stop, doing, told);
  observer_ = nullptr;
  for (size_t i = 0; i < graph_.jobs().size(); ++i) {
    // Jobs of rows put failures into records: what is left is a fault of the run itself.
    const Job& job = graph_.job(i);
    const bool ended = results_->good(i) || results_->state(i) == JobState::to_do;
    if (job.runs_after_failures && !ended) throw results_->failure(i);
  }
}

void StudyJobs::tell_failures(const std::string& key, const std::vector<Row*>& rows) {
  const auto is_new_failure = [](const Row* row) { return row->failed() && !row->known; };
  const auto came_here = [&](const Row* row) {
    return std::ranges::all_of(row->needs, [&](size_t place) { return results_->good(place); });
  };
  const auto first = std::ranges::find_if(rows, is_new_failure);
  if (first == rows.end()) return;
  const auto own = std::ranges::find_if(rows, [&](const Row* row) { return is_new_failure(row) && came_here(row); });
  const bool some_done = std::ranges::any_of(rows, [](const Row* row) { return !row->failed(); });
  const Row& row = **(own != rows.end() ? own : first);
  const std::string reason = fmt::format("{}: {}", row.cell->id, row.record.reason.value_or(""));
  if (own == rows.end() && some_done) {
    observer_->fails(key, JobState::done,
                     fmt::format("without {} of {}, {}", std::ranges::count_if(rows, is_new_failure),
                                 counted(std::ssize(rows), "row"), reason));
    return;
  }
  const bool unsupported = row.record.status == to_string(JobState::unsupported);
  observer_->fails(key, unsupported ? JobState::unsupported : JobState::failed, reason);
}

void StudyJobs::fail_row(Row& row, const Error& error) {
  platform::set_failure(row.record, error);
  context_.log->warning(fmt::format("{}: {}: {}", row.cell->id, row.record.status, error.what()));
}

bool StudyJobs::take_failures(Row& row) {
  for (const size_t place : row.needs) {
    if (results_->good(place)) continue;
    const Error& error = results_->failure(place);
    fail_row(row, error);
    return false;
  }
  return true;
}

void StudyJobs::attempt(Row& row, const std::function<void()>& work) {
  if (row.failed()) return;
  try {
    call_and_translate(work);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::cancelled) throw;
    fail_row(row, error);
  }
}

void StudyJobs::evaluate_row(Row& row) {
  const Cell& cell = *row.cell;
  if (!cell.device.remote()) context_.registry->require(cell.runtime);
  row.model = stages_.artifact(cell);
  platform::set_model(row.record, *row.model);
  platform::set_compressed(row.record, *row.model);
  platform::set_predicted(row.record, *row.model);
  row.record.method = cell.method.method;
  row.record.artifact = artifact_path(cell);
  const auto& metadata = row.model->graph.metadata;
  if (const auto chosen = metadata.find("chosen_on"); chosen != metadata.end()) row.record.chosen_on = chosen->second;
  if (const auto teacher = metadata.find("teacher_sha256"); teacher != metadata.end()) {
    row.record.teacher_sha256 = teacher->second;
  }
  if (cell.steps.size() == 1) row.record.bits_w = row.record.bits_a = float_bits(*context_.registry, cell.runtime);
  if (cell.device.remote()) return;
  const auto real = stages_.evaluation(stages_.evaluation_key(cell, cell.runtime));
  set_scores(row.record, *real, *stages_.evaluation(stages_.evaluation_key(cell, kSimulation)));
  if (real->outcomes) row.record.outcomes = write_outcomes(*real->outcomes, context_.folder);
}

void StudyJobs::run_remote(Row& row) {
  if (take_failures(row)) {
    attempt(row, [&] { evaluate_row(row); });
    attempt(row, [&] {
      const auto simulated = stages_.evaluation(stages_.evaluation_key(*row.cell, kSimulation));
      remote_.run(*row.cell, *row.model, *simulated, row.record);
    });
  }
  finish({&row});
}

void StudyJobs::finish(const std::vector<Row*>& rows) {
  for (Row* row : rows) row->model.reset();  // a study of a thousand rows would hold as many
  finished_(rows);
}

bool StudyJobs::timed_apart(const std::vector<Row*>& set) const {
  std::set<std::string> ids;
  for (const Row* row : set) {
    if (row->known) ids.insert(row->record.timing_id.value_or(""));
  }
  if (ids.size() < 2) return false;
  ids.clear();  // of those alone that can be timed again: a run would find the others apart each time
  for (const Row* row : set) {
    if (row->known && stages_.has(row->cell->steps.back())) ids.insert(row->record.timing_id.value_or(""));
  }
  return ids.size() > 1;
}

/// New rows, and beside them those of before, so that all of a set is timed together.
void StudyJobs::time_set(std::vector<Row*>& set, const std::string& runtime, int64_t threads) {
  std::vector<Row*> timed;
  for (Row* row : set) {
    if (row->known) continue;
    if (take_failures(*row)) attempt(*row, [&] { evaluate_row(*row); });
    if (!row->failed()) timed.push_back(row);
  }
  std::vector<Row*> again;
  if (!timed.empty() || timed_apart(set)) {
    for (Row* row : set) {
      if (!row->known || !stages_.has(row->cell->steps.back())) continue;
      try {
        row->model = stages_.artifact(*row->cell);
        again.push_back(row);
      } catch (const Error& error) {
        context_.log->warning(fmt::format("{}: not timed again: {}", row->cell->id, error.what()));
      }
    }
  }
  std::vector<Row*> all;
  std::ranges::copy_if(set, std::back_inserter(all),
                       [&](Row* row) { return std::ranges::count(timed, row) + std::ranges::count(again, row) > 0; });
  if (!again.empty()) {
    context_.log->info(fmt::format("{} of before {} timed again beside {} new", counted(std::ssize(again), "row"),
                                   again.size() == 1 ? "is" : "are", timed.size()));
  }
  if (!all.empty()) measure(all, runtime, threads);
  std::vector<Row*> done;
  for (Row* row : set) {
    const bool kept = row->known && (row->failed() || std::ranges::count(again, row) == 0);
    if (kept) {
      row->model.reset();
    } else {
      done.push_back(row);
    }
  }
  finish(done);
}

void StudyJobs::measure(std::vector<Row*>& rows, const std::string& runtime, int64_t threads) {
  const runtime::MeasureOptions options{.min_samples = study_.bench["min_samples"].get<int64_t>(),
                                        .min_seconds = study_.bench["min_seconds"].get<double>()};
  context_.log->info(fmt::format("measuring latency of {} in turn ({}, {})", counted(std::ssize(rows), "model"),
                                 runtime, counted(threads, "thread")));
  std::vector<platform::BenchEntry> entries;
  for (Row* row : rows) {
    entries.push_back({.name = row->cell->id,
                       .runtime = runtime,
                       .model = row->model.get(),
                       .options = {.threads = static_cast<int>(threads)},
                       .image = [this, row] { return stages_.sample_image(row->model->graph); },
                       .record = &row->record});
  }
  platform::BenchSetOptions set;
  set.measure = options;
  set.tell = false;
  set.drift = true;
  set.failed = [&](size_t i, const Error& error) {
    if (error.kind() == ErrorKind::cancelled) throw;
    fail_row(*rows[i], error);
  };
  const platform::BenchSet timed =
      platform::bench_set(entries, *context_.registry, set, *context_.log, *context_.cancel);
  const std::string timing = random_id().substr(0, 12);
  record::Rounds rounds;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (!timed.benched[i]) continue;
    rows[i]->record.timing_id = timing;
    rows[i]->record.timing_drift = timed.drift;
    rows[i]->record.stable = timed.stable;
    const std::vector<int64_t>& medians = timed.benched[i]->measurement.rounds_ns;
    if (!medians.empty()) rounds[rows[i]->cell->id] = medians;
  }
  if (rounds.size() > 1) record::write_rounds(rounds, timing, context_.folder);
}

}  // namespace quench::study
