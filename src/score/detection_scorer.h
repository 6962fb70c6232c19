#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/json.h"
#include "core/letterbox.h"
#include "core/object.h"
#include "metrics/coco_map.h"
#include "models/detect_head.h"
#include "models/nms.h"
#include "score/scores.h"

namespace quench::score {

/// How boxes are suppressed, from values of config::detect_options().
models::NmsOptions nms_options(const Json& detect);

/// From a detector's raw outputs to COCO's figures: decodes, suppresses, maps boxes back to the images' own pixels and
/// matches them with the true objects (crowds as COCO does).
class DetectionScorer {
 public:
  /// classes: names of the labels 0, 1, ... of the true objects.
  DetectionScorer(models::DetectHead head, std::span<const std::string> classes, const models::NmsOptions& options);

  /// What the raw outputs show in image `in_batch`, in pixels of the network's input, best first.
  std::vector<models::Detection> find(std::span<const Tensor> outputs, int64_t in_batch) const;
  /// Adds an image: what find() gave, how the image was fitted, what it holds. Returns the boxes in the image's own
  /// pixels, until the next call.
  const std::vector<models::Detection>& add(int64_t image_id, std::vector<models::Detection> found,
                                            const Letterbox& letterbox, std::span<const Object> objects);

  int64_t images() const { return images_; }
  /// map_50_95 first, then the other figures that records have; one that no object counts for (no large object, say) is
  /// left out, so that there is none at all where nothing is annotated: no figure is defined then (pycocotools' -1).
  Scores scores() const;
  metrics::CocoResult result() const { return coco_.evaluate(); }
  metrics::CocoOutcomes outcomes() const { return coco_.outcomes(); }

 private:
  models::DetectHead head_;
  models::NmsOptions options_;
  metrics::CocoEvaluation coco_;
  std::vector<models::Detection> last_;
  int64_t images_ = 0;
};

}  // namespace quench::score
