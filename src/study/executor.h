#pragma once

#include <string>

#include "core/cancel.h"
#include "study/job_graph.h"

namespace quench::study {

/// The jobs whose results are there from before, asked once each.
JobResults states_of(const JobGraph& graph);

/// Is told what an executor does. It must not throw.
class JobObserver {
 public:
  virtual ~JobObserver() = default;
  virtual void begins(const Job&) {}
  /// state: failed, unsupported or skipped; `done` for a job that did its own work, where jobs before it had failed for
  /// a part of it.
  virtual void fails(const std::string& /*key*/, JobState /*state*/, const std::string& /*reason*/) {}
};

/// Walks a graph on this machine, one job after the other, in its order. A job that fails, by whatever exception, is
/// `failed` (or `unsupported`, by Error{unsupported}) with its reason; jobs that need it are `skipped` with the same
/// reason, unless they run after failures; the rest goes on. results: from states_of(); filled while it walks, so that
/// jobs can ask for the reasons. Throws Error{cancelled} alone.
void execute(const JobGraph& graph, JobResults& results, const CancelToken& cancel, JobObserver& observer);

/// Calls `work`; an exception of a library becomes an Error of ours: too little memory `io`, others `backend`.
void call_and_translate(const std::function<void()>& work);

}  // namespace quench::study
