#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "core/tensor.h"
#include "graph/graph.h"
#include "train/loop/results_csv.h"

namespace quench::train {

/// Where a run stands: all that its next step depends on. Random draws need no state: they are functions of
/// (seed, epoch, index).
struct Checkpoint {
  Json identity;             ///< FitSettings::identity
  std::string graph_sha256;  ///< of the Graph that training started from
  std::string data_sha256;   ///< of the data sets
  int64_t epoch = 0;         ///< epochs done
  int64_t batch = 0;         ///< batches done of the epoch after them
  int64_t steps = 0;         ///< optimizer steps
  int64_t ema_steps = 0;
  double loss_sum = 0;       ///< over the images of the epoch begun
  int64_t epoch_images = 0;  ///< images of the epoch begun
  score::Scores part_sums;   ///< of the loss's terms, likewise
  double epoch_seconds = 0;
  int64_t images = 0;      ///< trained on, in all
  double seconds = 0;      ///< of training, in all
  double best_score = -1;  ///< first of Scores, the highest of all epochs; -1: not tested yet
  double loss_scale = 0;   ///< mixed precision; 0: unused
  int64_t good_steps = 0;  ///< since the loss scale changed
  std::vector<EpochRow> rows;
  /// `parameter/..`, `buffer/..`, `ema/..`, `momentum/..`, `variance/..`. quench's own, whatever a file that includes
  /// this calls Tensor.
  std::map<std::string, quench::Tensor> tensors;
};

/// One file: magic "QCKPT1\n\0", length of the header (8 bytes, little-endian), header (JSON), tensor bytes, sha256 of
/// all before as 64 hex digits.
std::string serialize(const Checkpoint& checkpoint);

/// Inverse of serialize. Throws Error{data} naming `where` for bytes that are foreign, truncated or altered.
Checkpoint parse_checkpoint(std::string_view bytes, std::string_view where);

/// Replaces the file as a whole; a full disk or a kill leaves the earlier one. Throws Error{io}.
void save_checkpoint(const std::filesystem::path& path, const Checkpoint& checkpoint);
/// Throws Error{io} or Error{data}.
Checkpoint load_checkpoint(const std::filesystem::path& path);

/// Says which is the first setting that differs (or graph, or data) where `saved` is of another run than `wanted`;
/// empty where it is of the same.
std::string difference(const Checkpoint& saved, const Checkpoint& wanted,
                       const char* told = "{} was {} there, is {} here");

/// sha256 over nodes, attributes, edges, quantization and weights (not metadata).
std::string graph_digest(const graph::Graph& graph);

}  // namespace quench::train
