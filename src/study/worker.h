#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "core/cancel.h"
#include "study/executor.h"
#include "study/job_store.h"
#include "study/machine_turn.h"

namespace quench::study {

/// What processes say to each other of the jobs of a study: of work that other studies may share, and of its own.
struct JobStores {
  JobStore shared;
  JobStore own;
  JobStore& of(const Job& job) { return job.of_study ? own : shared; }
};

struct WorkOptions {
  std::vector<size_t> only = {};    ///< jobs to do; empty: all that are ready, until none is left
  std::vector<double> chains = {};  ///< by place: the job with the longest chain comes first (study/job_order.h)
  size_t first = 0;  ///< of jobs of equal chains: where in the list it begins to look, so that not all want the same
  bool alone_last = false;               ///< jobs that want this machine alone come when no other is ready
  double beat_seconds = 10;              ///< between two signs of life
  double stale_seconds = 120;            ///< a claim without a sign of life for so long is that of a dead worker
  double poll_seconds = 1;               ///< between two looks, while others hold what is left
  double patience_seconds = 60;          ///< with `only`: how long jobs that come before may show no result
  const MachineTurn* machine = nullptr;  ///< null: nobody else works on this machine
};

/// The last line of progress of the work that goes on, for its claim.
class DoingNow {
 public:
  void set(std::string_view text);
  std::string get() const;

 private:
  mutable std::mutex mutex_;
  std::string text_;
};

/// An observer that keeps what jobs said of themselves, so that it comes into the stores, and tells another.
class ToldFailures : public JobObserver {
 public:
  explicit ToldFailures(JobObserver& next) : next_(next) {}
  void begins(const Job& job) override { next_.begins(job); }
  void fails(const std::string& key, JobState state, const std::string& reason) override;
  /// What a job said of itself; nothing where it said nothing.
  const std::pair<JobState, std::string>* of(const std::string& key) const;

 private:
  JobObserver& next_;
  std::map<std::string, std::pair<JobState, std::string>> told_;  ///< by key
};

/// Which failed jobs of before are tried again.
enum class Retry {
  none,    ///< none: this worker joins others
  twice,   ///< those that did not fail twice in a row for the same reason
  always,  ///< all
};

/// What the marks in the stores said at one time.
struct SeenMarks {
  SeenJobs shared, own;
  const JobSigns* of(const Job& job) const;  ///< null: nothing
};
SeenMarks see_marks(const JobStores& stores);

/// How the jobs stand at the beginning. A run sets right what the stores say: marks of results that are gone go, and
/// failures are opened as `retry` says; a worker that joins others (Retry::none) believes the marks. seen: from before
/// anybody asked what is done, so that a mark whose result was not seen then is of one that is gone. only: as of
/// WorkOptions; jobs that neither are among them nor come before them are not asked for. Throws Error{io}.
JobResults begin_work(const JobGraph& graph, JobStores& stores, const SeenMarks& seen, Retry retry,
                      const std::vector<size_t>& only = {});

/// Works on the jobs of a graph beside others that do the same with the same stores, each job once: takes one that is
/// ready and that nobody holds, does it, and tells how it ended; waits while others hold what is left; takes over from
/// those that died. results: from begin_work(); filled for all jobs, whoever did them. A job that failed for another
/// counts as failed. Throws Error{cancelled}, also where the stores say that work ends; Error{io}; with `only`,
/// Error{data} where what comes before has no result.
///
/// stop: what the jobs themselves poll; set where `cancel` is, where a claim is lost, and where work shall end; null:
/// the jobs poll `cancel`.
void work_on(const JobGraph& graph, JobResults& results, JobStores& stores, const WorkOptions& options,
             const CancelToken& cancel, CancelToken* stop, const DoingNow& doing, ToldFailures& observer);

/// Work on the study's jobs ends everywhere, as soon as workers look (beat_seconds). Throws Error{io}.
void ask_to_stop(const JobStores& stores);
/// Workers that begin from now on may work.
void allow_work(const JobStores& stores);
bool asked_to_stop(const JobStores& stores);

}  // namespace quench::study
