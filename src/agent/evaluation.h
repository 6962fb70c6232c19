#pragma once

#include "agent/journal.h"
#include "agent/scorer.h"
#include "core/cancel.h"
#include "core/log.h"
#include "pack/file.h"
#include "runtime/runtime.h"

namespace quench::agent {

struct EvaluationOptions {
  int64_t limit = 0;  ///< the first N images; 0: all
  int64_t batch = 1;
  double state_seconds = 5;  ///< between saves of the journal
};

/// Runs a pack's images through a session, in order, and adds what they give to `scorer`. With a journal, images that
/// it holds already are not run again, and what is done is kept in it. Throws Error{cancelled} (after a last save),
/// Error{data} for a damaged pack or journal and for outputs that are not finite, Error{io}, and what run() throws.
void evaluate(runtime::Session& session, const pack::Reader& pack, const EvaluationOptions& options, Scorer& scorer,
              Journal* journal, const LogSink& log, const CancelToken& cancel);

}  // namespace quench::agent
