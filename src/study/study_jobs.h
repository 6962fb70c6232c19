#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "record/record.h"
#include "study/executor.h"
#include "study/job_times.h"
#include "study/remote_cells.h"
#include "study/run.h"
#include "study/run_setup.h"
#include "study/stages.h"
#include "study/trial.h"
#include "study/worker.h"

namespace quench::study {

/// A cell on its way to a record.
struct Row {
  const Cell* cell = nullptr;
  record::Record record;                          ///< of before where it is known; of this run from its begin
  std::shared_ptr<const graph::ModelFile> model;  ///< while it is worked with
  bool known = false;                             ///< was `ok` before this run
  std::vector<size_t> needs;                      ///< its jobs: steps, evaluations
  bool failed() const { return record.status != "ok"; }
};

/// A study as a graph of jobs: each step of each chain, an evaluation for each artifact and runtime, a timing for all
/// that is timed in turn (one model, seed, runtime and number of threads), a job for each row of a device by ssh.
class StudyJobs {
 public:
  /// finished: called with rows as soon as nothing is left to do for them, those that were timed together in one call;
  /// also with rows of before that were timed again. All must outlive this.
  StudyJobs(const StudyFile& study, const std::vector<Cell>& cells, const Records& known, Stages& stages,
            const RunContext& context, std::function<void(const std::vector<Row*>&)> finished);
  StudyJobs(const StudyJobs&) = delete;
  StudyJobs& operator=(const StudyJobs&) = delete;

  const JobGraph& graph() const { return graph_; }
  /// How much work a job of the graph is.
  const JobSize& size(size_t place) const { return sizes_.at(place); }
  const std::vector<JobSize>& sizes() const { return sizes_; }
  /// work_on() for its graph: all, or the jobs that `options` names. begin: of begin_work().
  void run(const JobResults& begin, JobStores& stores, const WorkOptions& options, const CancelToken& cancel,
           CancelToken* stop, const DoingNow& doing, JobObserver& observer);

 private:
  /// Names the row's own work. A few short texts: there may be tens of thousands of rows.
  std::string row_key(const Cell& cell) const;
  /// size: asked where the job is new.
  size_t add(Job job, const std::function<JobSize()>& size = {});
  void add_row(Row& row);
  /// Nothing is left to do for them.
  void finish(const std::vector<Row*>& rows);
  /// Of rows of one model and seed, by runtime and number of threads.
  void add_timings(size_t begin, size_t end);
  /// Whether rows of before that could be timed together were not: a kill came between.
  bool timed_apart(const std::vector<Row*>& set) const;
  void evaluate_row(Row& row);
  void time_set(std::vector<Row*>& set, const std::string& runtime, int64_t threads);
  /// Rows keep their own failures: their common job has the first that is its own; where there is none, what it left
  /// out.
  void tell_failures(const std::string& key, const std::vector<Row*>& rows);
  void measure(std::vector<Row*>& rows, const std::string& runtime, int64_t threads);
  void run_remote(Row& row);
  /// The reason of the first of its jobs that failed becomes the row's. False where one did.
  bool take_failures(Row& row);
  void fail_row(Row& row, const Error& error);
  void attempt(Row& row, const std::function<void()>& work);

  const StudyFile& study_;
  Stages& stages_;
  const RunContext& context_;
  std::string common_key_;
  RemoteCells remote_;
  Trial trial_;
  std::function<void(const std::vector<Row*>&)> finished_;
  std::vector<Row> rows_;
  JobGraph graph_;
  std::vector<JobSize> sizes_;  ///< by place
  std::optional<JobResults> results_;
  JobObserver* observer_ = nullptr;  ///< while it runs
};

}  // namespace quench::study
