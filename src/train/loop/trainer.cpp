#include "train/loop/trainer.h"

#include "core/file.h"
#include "nn/intra_op_threads.h"
#include "train/loop/fit_run.h"
#include "train/loop/fit_settings.h"

namespace quench::train {

FitResult fit(const graph::Graph& start, const data::Splits& data, const Json& config, const FitContext& context) {
  FitSettings settings = parse_settings(config, start);
  const nn::IntraOpThreads threads(settings.threads);
  require_writable(context.folder);
  FitRun run(start, data, std::move(settings), context);
  run.resume();
  return run.finish();
}

}  // namespace quench::train
