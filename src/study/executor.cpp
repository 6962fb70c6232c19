#include "study/executor.h"

#include <exception>
#include <new>

namespace quench::study {

JobResults states_of(const JobGraph& graph) {
  JobResults results(graph.jobs().size());
  for (size_t i = 0; i < graph.jobs().size(); ++i) {
    const Job& job = graph.job(i);
    if (job.is_done && job.is_done()) results.set(i, JobState::done_before);
  }
  return results;
}

void call_and_translate(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error&) {
    throw;
  } catch (const std::bad_alloc&) {
    fail(ErrorKind::io, "[study] expected enough memory, got none from the system");
  } catch (const std::exception& error) {
    fail(ErrorKind::backend, "[study] a library failed: {}", error.what());
  }
}

void execute(const JobGraph& graph, JobResults& results, const CancelToken& cancel, JobObserver& observer) {
  const auto fails = [&](size_t place, JobState state, const Error& error) {
    results.set_failure(place, state, error);
    observer.fails(graph.job(place).key, state, error.what());
  };
  for (size_t i = 0; i < graph.jobs().size(); ++i) {
    const Job& job = graph.job(i);
    if (results.state(i) == JobState::done_before) continue;
    cancel.check();
    const Error* reason = nullptr;
    for (const size_t before : job.after) {
      if (!results.good(before)) reason = &results.failure(before);
    }
    if (reason && !job.runs_after_failures) {
      fails(i, JobState::skipped, Error(*reason));
      continue;
    }
    observer.begins(job);
    try {
      call_and_translate(job.work);
      results.set(i, JobState::done);
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::cancelled) throw;
      fails(i, error.kind() == ErrorKind::unsupported ? JobState::unsupported : JobState::failed, error);
    }
  }
}

}  // namespace quench::study
