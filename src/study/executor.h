#pragma once

#include "core/cancel.h"
#include "study/job_graph.h"

namespace quench::study {

/// The jobs whose results are there from before, asked once each.
JobResults states_of(const JobGraph& graph);

/// Walks a graph on this machine, one job after the other, in its order. A job that fails, by whatever exception, is
/// `failed` with its reason; jobs that need it are `skipped` with the same reason, unless they run after failures; the
/// rest goes on. results: from states_of(); filled while it walks, so that jobs can ask for the reasons. Throws
/// Error{cancelled} alone.
void execute(const JobGraph& graph, JobResults& results, const CancelToken& cancel);

/// Calls `work`; an exception of a library becomes an Error of ours: too little memory `io`, others `backend`.
void call_and_translate(const std::function<void()>& work);

}  // namespace quench::study
