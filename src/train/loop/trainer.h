#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "core/cancel.h"
#include "core/json.h"
#include "core/log.h"
#include "data/sets/dataset.h"
#include "graph/graph.h"
#include "processes/group.h"
#include "score/scores.h"
#include "train/loop/results_csv.h"
#include "train/loop/resume.h"

namespace quench::nn {
class GraphModule;
}

namespace quench::train {

class Objective;
struct FitSettings;

/// Makes what a fit trains for; make_objective (train/loop/objective.h) is the task's own, and may be decorated.
using MakeObjective =
    std::function<std::unique_ptr<Objective>(const graph::Graph&, const data::Splits&, const FitSettings&)>;
/// May change the values of the module's parameters in place; called without gradients.
using AfterStep = std::function<void(nn::GraphModule&)>;

/// Result of one fit.
struct FitResult {
  graph::Graph graph;              ///< EMA weights where EMA is on, as evaluated; `keep: best`: of the best epoch
  score::Scores scores;            ///< of that graph on the test split
  int64_t test_images = 0;         ///< that the scores stand on: those that cannot be read are left out
  std::string chosen_on = "none";  ///< the split that chose the epoch: "validation" (`keep: best`), or "none"
  int64_t epochs = 0;
  double images_per_second = 0;  ///< training alone, data pipeline included
  double seconds = 0;            ///< of training, over all resumed parts
};

struct FitContext {
  std::filesystem::path folder;  ///< checkpoint.qckpt, results.csv, best.onnx; created
  const LogSink* log = nullptr;
  const CancelToken* cancel = nullptr;
  Resume resume = Resume::or_fail;  ///< whether to go on from the folder's checkpoint
  MakeObjective objective = {};     ///< empty: make_objective
  /// Called before the first step, and after each one before the average of weights takes it up, so that a weight which
  /// it holds at zero is zero in the average, too.
  AfterStep after_step = {};
  /// Called after each epoch, and where a run is taken up, with all epochs so far.
  std::function<void(const std::vector<EpochRow>&)> after_epoch = {};
  /// Called before a loss or outputs that are not finite end the run, with the message of the Error.
  std::function<void(const std::string&)> not_finite = {};
  /// The processes that train together, each of which calls fit() alike; null: one. They share each batch: the result
  /// is that of one process to float rounding (docs/decisions/0025-equal-to-one-process.md). Rank 0 evaluates, writes
  /// and calls what is called here but `after_step`.
  processes::Group* group = nullptr;
  int local_rank = 0;  ///< among the processes on this machine: which CUDA device `cuda` is
  /// What decides the result beside the config: the settings of `objective` and `after_step`. A run resumes only under
  /// an equal one.
  Json also = Json::object();
};

/// Trains a Graph, classifier or detector (float, or prepared for QAT: quantization is simulated while training) on
/// data.train, evaluates on data.test. With `keep: best` the epochs are compared on data.validation, or on `val_share`
/// of the training images that nothing trains on (data::with_validation), and the kept one alone on data.test. config:
/// values of train_options + augment_options + data sizes (config::tables).
///
/// Deterministic for (graph, data, config, seed) on CPU at a given thread count; killed and resumed equals one straight
/// run. A checkpoint is written every epoch and on cancel, and, of the last whole step, where another process is lost.
/// A loss that is not finite stops with Error{data} naming
/// epoch, step, learning rate and the first tensor that is not finite.
FitResult fit(const graph::Graph& start, const data::Splits& data, const Json& config, const FitContext& context);

}  // namespace quench::train
