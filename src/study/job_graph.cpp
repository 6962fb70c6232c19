#include "study/job_graph.h"

namespace quench::study {

const char* to_string(JobState state) {
  switch (state) {
    case JobState::to_do: return "to do";
    case JobState::running: return "running";
    case JobState::done_before: return "done before";
    case JobState::done: return "done";
    case JobState::failed: return "failed";
    case JobState::unsupported: return "unsupported";
    case JobState::skipped: return "skipped";
  }
  return "unknown";
}

size_t JobGraph::add(Job job) {
  for (const size_t before : job.after) {
    ensure(before < jobs_.size(), "[study.jobs] expected a job before {}, got place {}", job.name, before);
  }
  const auto [found, is_new] = places_.try_emplace(job.key, jobs_.size());
  if (!is_new) {
    ensure(jobs_[found->second].kind == job.kind, "[study.jobs] two kinds of work with the key {}: {} and {}", job.key,
           jobs_[found->second].kind, job.kind);
    return found->second;
  }
  jobs_.push_back(std::move(job));
  return found->second;
}

const Error& JobResults::failure(size_t place) const {
  const auto found = failures_.find(place);
  ensure(found != failures_.end(), "[study.jobs] job {} has not failed", place);
  return found->second;
}

void JobResults::set_failure(size_t place, JobState state, Error error) {
  states_.at(place) = state;
  failures_.insert_or_assign(place, std::move(error));
}

}  // namespace quench::study
