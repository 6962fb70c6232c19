#pragma once

#include <span>
#include <vector>

#include "data/dataset.h"
#include "data/letterbox.h"
#include "metrics/coco_map.h"
#include "models/detect_head.h"
#include "models/nms.h"
#include "train/scores.h"

namespace quench::train {

/// From a detector's raw outputs to COCO's figures: decodes, suppresses, maps boxes back to the images' own pixels and
/// matches them with a split's objects (crowds as COCO does).
class DetectionScorer {
 public:
  DetectionScorer(models::DetectHead head, const data::Dataset& split, const models::NmsOptions& options);

  /// Image `in_batch` of the outputs is image `index` of the split, fitted by `letterbox`. Returns its boxes, in the
  /// image's own pixels, best first, until the next call.
  const std::vector<models::Detection>& add(std::span<const Tensor> outputs, int64_t in_batch, int64_t index,
                                            const data::Letterbox& letterbox);

  int64_t images() const { return images_; }
  /// map_50_95 first, then the other figures that records have; one that no object counts for (no large object, say) is
  /// left out, but map_50_95 and map_50 are there always (0 without objects).
  Scores scores() const;
  metrics::CocoResult result() const { return coco_.evaluate(); }

 private:
  models::DetectHead head_;
  const data::Dataset& split_;
  models::NmsOptions options_;
  metrics::CocoEvaluation coco_;
  std::vector<models::Detection> last_;
  int64_t images_ = 0;
};

}  // namespace quench::train
