#include "study/work.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "core/clock.h"
#include "core/file.h"
#include "core/text.h"
#include "study/job_order.h"
#include "study/record_parts.h"
#include "study/run_setup.h"

namespace quench::study {
namespace {

/// Counts, and tells the log.
class Counter : public JobObserver {
 public:
  Counter(const LogSink& log, DoingNow& doing, WorkSummary& summary) : log_(log), doing_(doing), summary_(summary) {}
  void begins(const Job& job) override {
    here_ = job.key;
    doing_.set("");
    log_.info(fmt::format("{} {}", job.kind, job.name));
    ++summary_.done;
  }
  void fails(const std::string& key, JobState state, const std::string& reason) override {
    if (summary_.reason.empty()) summary_.reason = reason;
    if (key != here_ || state == JobState::done) return;
    --summary_.done;
    ++summary_.failed;
    log_.warning(fmt::format("{}: {}", to_string(state), reason));
  }

 private:
  const LogSink& log_;
  DoingNow& doing_;
  WorkSummary& summary_;
  std::string here_;
};

/// A sink that tells what is done now to the claim, too.
LogSink telling(const LogSink& log, DoingNow& doing) {
  LogSink sink = log;
  sink.progress = [&](std::string_view text) {
    doing.set(text);
    log.show_progress(text);
  };
  sink.step = [&](const Step& step) {
    doing.set(fmt::format("{}: {} of {} {}", step.phase, step.done, step.total, step.things));
    log.show_step(step);
  };
  return sink;
}

std::vector<size_t> places_of(const JobGraph& graph, const std::vector<std::string>& keys) {
  std::vector<size_t> places;
  for (const std::string& key : keys) {
    const auto& jobs = graph.jobs();
    const auto found = std::ranges::find_if(jobs, [&](const Job& job) { return job.key.starts_with(key); });
    if (key.size() < 8 || found == jobs.end()) {
      fail(ErrorKind::config,
           "[study.work] expected the key of a job of the study, got {} (the study file, its data or its weights may "
           "have changed since: `quench study plan FILE --format json` lists the keys)",
           key);
    }
    places.push_back(static_cast<size_t>(found - jobs.begin()));
  }
  return places;
}

}  // namespace

JobStores job_stores(const RunContext& context, const WorkerIdentity& self) {
  return {JobStore(stages_folder(context) / "jobs", self), JobStore(context.folder / "jobs", self)};
}

void keep_rows(const std::vector<Row*>& rows, const std::filesystem::path& results, JobStore& own) {
  std::vector<record::Record> made;
  for (Row* row : rows) {
    row->record.time = utc_now();
    made.push_back(row->record);
  }
  add_part(results, made);
  merge_parts(results, own);
}

WorkSummary work(const StudyFile& study, const RunContext& given, const WorkRequest& request) {
  RunContext context = given;
  require_writable(context.folder);
  require_writable(stages_folder(context));
  DoingNow doing;
  CancelToken stop;
  const LogSink log = telling(*given.log, doing);
  context.log = &log;
  context.cancel = &stop;
  JobStores stores = job_stores(context, request.self);
  Stages stages(study, place_of(study, context), *context.registry, *context.steps, log, stop);
  const Inputs inputs = worker_inputs(study, stages, context);
  if (inputs.missing) throw *inputs.missing;
  const std::vector<Cell> cells = expand(study, inputs.digests);
  const Records known = known_records(stored_records(context.folder, log), cells);
  StudyJobs jobs(study, cells, known, stages, context, [&](const std::vector<Row*>& rows) {
    for (Row* row : rows) {
      if (row->record.device == kThisHost && !row->known)
        row->record.host = row->record.host.value_or("") + ", node " + request.self.host;
    }
    keep_rows(rows, context.folder, stores.own);
  });
  WorkOptions options = request.options;
  options.only = places_of(jobs.graph(), request.keys);
  const size_t workers = static_cast<size_t>(std::max<int64_t>(1, request.workers));
  options.first = jobs.graph().jobs().size() * static_cast<size_t>(request.worker) / workers;
  options.alone_last = workers > 1;
  options.chains = read_order(stores.own.folder(), jobs.graph());
  std::optional<MachineTurn> machine;
  if (!request.machine_folder.empty()) options.machine = &machine.emplace(request.machine_folder);
  WorkSummary summary;
  Counter counter(log, doing, summary);
  const JobResults begin = begin_work(jobs.graph(), stores, see_marks(stores), Retry::none, options.only);
  jobs.run(begin, stores, options, *given.cancel, &stop, doing, counter);
  return summary;
}

}  // namespace quench::study
