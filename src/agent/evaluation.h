#pragma once

#include <memory>
#include <string>

#include "agent/journal.h"
#include "core/cancel.h"
#include "core/log.h"
#include "pack/file.h"
#include "runtime/runtime.h"
#include "score/scorer.h"

namespace quench::agent {

struct EvaluationOptions {
  int64_t limit = 0;  ///< the first N images; 0: all
  int64_t batch = 1;
  double state_seconds = 5;  ///< between saves of the journal
  bool digest = false;       ///< of raw outputs
};

/// What an evaluation gave.
struct Evaluated {
  score::Evaluation evaluation;
  std::string outputs_sha256;  ///< SHA-256 over the images' own (hex, in order); "" where not asked for
};

/// The scorer of a model over a pack. settings: those of the pack's task (config::evaluate_options). Throws Error{data}
/// where model and pack do not fit (task, image size, classes, how pictures are prepared), and where a weight is too
/// large to mean anything (graph/magnitude.h).
std::unique_ptr<score::Scorer> make_scorer(const graph::Graph& graph, const pack::Header& header, const Json& settings);

/// Runs a pack's images through a session, in order, and adds what they give to `scorer`. With a journal, images that
/// it holds already are not run again, and what is done is kept in it. Throws Error{cancelled} (after a last save),
/// Error{data} for a damaged pack or journal and for outputs that are not finite, Error{io}, and what run() throws.
Evaluated evaluate(runtime::Session& session, const pack::Reader& pack, const EvaluationOptions& options,
                   score::Scorer& scorer, Journal* journal, const LogSink& log, const CancelToken& cancel);

}  // namespace quench::agent
