#pragma once

#include <vector>

#include "metrics/coco_map.h"

namespace quench::metrics::plain {

/// COCO's definition written out plainly: whole precision curves, one image, class, size range and threshold after the
/// other, nothing shared or skipped. For comparing; `classes` holds id, ap and ap50 alone.
CocoResult evaluate(const std::vector<CocoCategory>& categories, const std::vector<CocoTruth>& truths,
                    const std::vector<CocoDetection>& detections);

}  // namespace quench::metrics::plain
