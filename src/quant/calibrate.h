#pragma once

#include <map>

#include "core/cancel.h"
#include "core/log.h"
#include "core/shards.h"
#include "data/sets/dataset.h"
#include "quant/observer.h"
#include "quant/placement.h"

namespace quench::quant {

struct CalibrateOptions {
  std::string observer;
  double percentile = 99.99;
  bool symmetric = false;
  bool power_of_two = false;  ///< scales are powers of two
  std::vector<graph::EdgeId> mean_squares_of = {};
  /// The processes that do this together, each on its share of the images; null: this one does it alone. Every one of
  /// them gets all of the result, to the bit what one process gives.
  const Shards* shards = nullptr;
};

/// What a calibration finds.
struct Calibration {
  std::vector<graph::QuantParams> params;                     ///< in the order of placement.groups
  std::map<graph::EdgeId, std::vector<double>> mean_squares;  ///< of the channels of the edges that were asked for
  int64_t images = 0;                                         ///< that were read
};

/// Runs the images (fitted as for evaluation, not augmented, in the given order, 64 at a time or fewer where they are
/// large) through the placement's float
/// graph and gives every group its parameters, and edges of options.mean_squares_of the mean squares of their channels.
/// LibTorch has two threads or more for it (nn::several_threads), so that the result does not depend on their number.
/// Throws Error{data} naming the edge
/// where a value is not finite, Error{cancelled}.
Calibration calibrate(const Placement& placement, std::shared_ptr<const data::Dataset> images,
                      const std::vector<int64_t>& indices, const CalibrateOptions& options, const LogSink& log,
                      const CancelToken& cancel);

}  // namespace quench::quant
