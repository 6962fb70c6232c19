#pragma once

#include <functional>
#include <string>

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

/// Calls `work`; an exception of a library becomes an Error of ours: too little memory `io`, others `backend`.
void call_and_translate(const std::function<void()>& work);

}  // namespace quench::study
