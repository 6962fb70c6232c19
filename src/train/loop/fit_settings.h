#pragma once

#include <cstdint>
#include <string>

#include "core/json.h"
#include "graph/graph.h"

namespace quench::train {

/// What fit() reads from its config, typed. See config::train_options() for meaning, bounds and defaults.
struct FitSettings {
  int64_t epochs = 0;
  int64_t batch = 0;
  std::string optimizer;
  double lr = 0;
  double momentum = 0;
  bool nesterov = false;
  double weight_decay = 0;
  std::string schedule;
  double lr_final = 0;
  double warmup_epochs = 0;
  double label_smoothing = 0;
  bool ema = false;
  double ema_decay = 0;
  double clip_norm = 0;
  bool amp = false;
  std::string device;
  int threads = 0;  ///< resolved: at least 1
  int workers = 0;
  uint64_t seed = 0;
  int64_t eval_every = 1;
  int64_t accumulate = 1;  ///< batches whose gradients make one step
  bool keep_best = false;  ///< the result is the best epoch's, not the last one's
  double val_share = 0;    ///< of the training images, held out where keep_best and no validation split is there
  /// Detection: weights of the parts of the loss; 0: the model family's own.
  double box_gain = 0, objectness_gain = 0, class_gain = 0, dfl_gain = 0;
  int imgsz = 0;              ///< resolved: the graph's own where the config has none
  bool learn_ranges = false;  ///< `ranges: learned`, for graphs prepared for QAT
  int64_t train_limit = 0;    ///< 0: all
  int64_t test_limit = 0;
  Json augmentation;  ///< values of config::augment_options()

  /// The values that decide the result: all but `threads`, `workers`, `device`. A run resumes only under equal ones.
  Json identity;
};

/// Reads and checks the values; a missing one takes its default. Keys of other tables are ignored.
/// Throws Error{config} for a value out of range, or a setting that contradicts another (`amp` on the CPU).
FitSettings parse_settings(const Json& config, const graph::Graph& graph);

}  // namespace quench::train
