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

}  // namespace quench::study
