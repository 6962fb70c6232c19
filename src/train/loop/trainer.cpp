#include "train/loop/trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "core/error.h"
#include "core/file.h"
#include "nn/intra_op_threads.h"
#include "processes/sharing.h"
#include "train/loop/fit_run.h"
#include "train/loop/fit_settings.h"

namespace quench::train {

namespace {

FitResult run(const graph::Graph& start, const data::Splits& data, FitSettings settings, const FitContext& context,
              processes::Group& group) {
  const nn::IntraOpThreads threads(settings.threads);
  if (group.leads()) require_writable(context.folder);
  FitRun run(start, data, std::move(settings), context, group);
  run.resume();
  return run.finish();
}

/// The processors of a machine are shared by the processes on it, as are the data threads that were asked for.
FitSettings settings_of_one(const Json& config, const graph::Graph& start, const FitContext& context) {
  FitSettings settings = parse_settings(config, start);
  const int sharing = processes::sharing_processors(*context.group);
  if (config.value("threads", 0) == 0) settings.threads = processes::share_of_processors(sharing);
  settings.workers = (settings.workers + sharing - 1) / sharing;
  if (settings.device == "cuda") settings.device = fmt::format("cuda:{}", context.local_rank);
  processes::Group& group = *context.group;
  settings.shared = std::make_shared<SharedBatch>([&group](std::span<double> values) { group.sum(values); });
  return settings;
}

FitResult fit_together(const graph::Graph& start, const data::Splits& data, const Json& config,
                       const FitContext& context) {
  try {
    return run(start, data, settings_of_one(config, start, context), context, *context.group);
  } catch (const Error& error) {
    context.group->leave(error.kind(), error.what());
    throw;
  } catch (const std::exception& error) {
    context.group->leave(ErrorKind::internal, error.what());
    throw;
  }
}

}  // namespace

FitResult fit(const graph::Graph& start, const data::Splits& data, const Json& config, const FitContext& context) {
  if (context.group != nullptr && context.group->world_size() > 1) return fit_together(start, data, config, context);
  const std::unique_ptr<processes::Group> alone = processes::alone();
  return run(start, data, parse_settings(config, start), context, *alone);
}

}  // namespace quench::train
