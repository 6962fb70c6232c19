#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/error.h"

namespace quench::study {

enum class JobState { to_do, running, done_before, done, failed, unsupported, skipped };
/// "to do", "running", "done before", "done", "failed", "unsupported", "skipped".
const char* to_string(JobState state);

constexpr const char* kThisHost = "host";  ///< as records name it

/// A piece of work. What it does is its own: an executor knows keys, edges, and these two functions.
struct Job {
  std::string key;   ///< equal keys are equal work: the hash of the jobs before it, its settings, and the data it reads
  std::string kind;  ///< "train", "quantize", "evaluate", "bench"
  std::string name;  ///< for people: "yolov5n-cls/ptq-mse-s0"
  std::vector<size_t> after;  ///< jobs of the graph that come before it
  /// Whether its result is there from before. Called once, before any work.
  std::function<bool()> is_done;
  std::function<void()> work;
  /// It runs, too, where a job before it failed, and asks for the reasons itself.
  bool runs_after_failures = false;
  /// Seconds that the work would take, from a short trial of it; empty where none can be made.
  std::function<double()> trial = {};
  /// Where it wants to be alone: kThisHost, the machine that works on it; another name, that device. Empty: nowhere.
  std::string alone = {};
  /// Its result belongs to one study, not to all that share the folder of stages.
  bool of_study = false;
};

/// Jobs, each once; those that come before stand before.
class JobGraph {
 public:
  /// The job's place. A job with this key that is there is used: the work is shared. Throws Error{internal} where
  /// `after` names a job that is not there, or where one key has two kinds.
  size_t add(Job job);
  const std::vector<Job>& jobs() const { return jobs_; }
  const Job& job(size_t place) const { return jobs_.at(place); }

 private:
  std::vector<Job> jobs_;
  std::map<std::string, size_t> places_;
};

/// How each job of a graph ended.
class JobResults {
 public:
  explicit JobResults(size_t count) : states_(count, JobState::to_do) {}
  JobState state(size_t place) const { return states_.at(place); }
  bool good(size_t place) const { return state(place) == JobState::done || state(place) == JobState::done_before; }
  /// Of a job that failed, is unsupported or was skipped: why. Throws Error{internal} for others.
  const Error& failure(size_t place) const;
  void set(size_t place, JobState state) { states_.at(place) = state; }
  void set_failure(size_t place, JobState state, Error error);

 private:
  std::vector<JobState> states_;
  std::map<size_t, Error> failures_;
};

}  // namespace quench::study
