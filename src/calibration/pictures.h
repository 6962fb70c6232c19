#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "calibration/look.h"
#include "core/cancel.h"
#include "core/log.h"
#include "data/sets/dataset.h"
#include "quant/compact_histogram.h"
#include "quant/placement.h"

namespace quench::calibration {

/// What one pass of the float model keeps of a training image.
struct Picture {
  int64_t index = 0;  ///< in the training split
  std::string name;   ///< of its file; empty where it has none
  Look look;
  double loss = 0;  ///< of the float model: what the task is trained with; NaN without labels
  std::vector<quant::CompactHistogram> groups;  ///< of the values that it brings into each group of the placement
};

/// Looks at each image once (fitted as for evaluation, not augmented). Those that cannot be read are left out, with a
/// warning. Throws Error{data} naming the image where a value or the loss is not finite, Error{data} where all images
/// are copies of one, or all give one constant on an edge, Error{cancelled}.
std::vector<Picture> look_at_pictures(const quant::Placement& placement, const data::Splits& data,
                                      const std::vector<int64_t>& indices, const LogSink& log,
                                      const CancelToken& cancel);

/// Memory that the histograms take.
size_t histogram_bytes(const std::vector<Picture>& pictures);

}  // namespace quench::calibration
