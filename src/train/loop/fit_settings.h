#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/json.h"
#include "graph/graph.h"
#include "train/loop/shared_batch.h"
#include "train/qat/qat_settings.h"

namespace quench::train {

/// What fit() reads from its config, typed: each setting of config/train_settings.inc (resolved: `threads`
/// at least 1, `precision` never empty),
/// and some of other tables.
struct FitSettings {
#define QUENCH_TRAIN_SETTING(type, name, ...) type name{};
#include "config/train_settings.inc"
  int imgsz = 0;            ///< resolved: the graph's own where the config has none
  QatSettings qat;          ///< of graphs prepared for QAT; of others, nothing trains of it
  int64_t train_limit = 0;  ///< images; 0: all
  int64_t test_limit = 0;   ///< images; 0: all
  Json augmentation;        ///< values of config::augment_options()

  /// What objectives compute their share of a batch's loss by. Of the run, not of its config.
  std::shared_ptr<SharedBatch> shared = std::make_shared<SharedBatch>();

  /// Whether batch norms of several processes take the statistics of the whole batch.
  bool shared_norms() const { return batch_norm != "local"; }
  /// Whether the result is the best epoch's, not the last one's.
  bool keep_best() const { return keep == "best"; }

  /// The values that decide the result: all but those of the machine (config::TrainScope). A run resumes only under
  /// equal ones.
  Json identity;
};

/// Reads and checks the values; a missing one takes its default. Keys of other tables are ignored.
/// Throws Error{config} for a value out of range, or a setting that contradicts another (`precision: fp16` on the
/// CPU, `bf16` for a quantized model).
FitSettings parse_settings(const Json& config, const graph::Graph& graph);

}  // namespace quench::train
