#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "metrics/coco_outcomes.h"

namespace quench::metrics {

/// A class of COCO's annotation files; ids have gaps (1..90 for 80 classes).
struct CocoCategory {
  int64_t id = 0;
  std::string name;
  bool operator==(const CocoCategory&) const = default;
};

/// One true box, in pixels of the image: the corner of least x and y, width, height.
struct CocoTruth {
  int64_t image_id = 0;
  int64_t category_id = 0;
  double x = 0, y = 0, w = 0, h = 0;
  double area = 0;     ///< sets the size class; COCO's is of the segment, not of the box
  bool crowd = false;  ///< COCO `iscrowd`: a group. Detections in it are neither right nor wrong
  bool operator==(const CocoTruth&) const = default;
};

/// One predicted box.
struct CocoDetection {
  int64_t image_id = 0;
  int64_t category_id = 0;
  double x = 0, y = 0, w = 0, h = 0;
  double score = 0;
  bool operator==(const CocoDetection&) const = default;
};

/// One class. AP is absent where the class has no true box that counts.
struct CocoClass {
  int64_t category_id = 0;
  std::string name;
  std::optional<double> ap;    ///< mean over IoU .50:.05:.95
  std::optional<double> ap50;  ///< at IoU .50
  int64_t truths = 0;          ///< without crowds
  int64_t detections = 0;      ///< all, also those beyond the best 100 of an image
};

/// What COCOeval prints, as fractions in [0,1]; absent where no true box of that size is there (COCOeval: -1).
struct CocoResult {
  std::optional<double> map_50_95;                         ///< mean over IoU .50:.05:.95
  std::optional<double> map_50, map_75, map_95;            ///< at one IoU
  std::optional<double> map_small, map_medium, map_large;  ///< area below 32^2, up to 96^2, above
  std::optional<double> ar_1, ar_10, ar_100;               ///< recall with the best 1, 10, 100 of an image and class
  std::optional<double> ar_small, ar_medium, ar_large;     ///< recall by size, best 100
  std::vector<CocoClass> classes;                          ///< every category, by id
  int64_t images = 0;
  int64_t truths = 0;      ///< without crowds
  int64_t crowds = 0;      ///< true boxes of groups
  int64_t detections = 0;  ///< that took part
  int64_t invalid = 0;     ///< detections dropped for a score or box that is not finite
  int64_t unknown = 0;     ///< detections of categories that are not evaluated; left out, as COCOeval does
};

/// The figures of a result by name, in the order of CocoResult. The names are those of records.
std::vector<std::pair<std::string, std::optional<double>>> figures(const CocoResult& result);

/// Average precision and recall of boxes as COCO defines them (Lin et al. 2014, "Microsoft COCO"; the evaluation page
/// cocodataset.org/#detection-eval), equal to pycocotools' COCOeval for bbox:
///
/// - Detections of an image and class are taken by descending score (equal scores: the earlier added), the best 100.
///   Each takes the free true box of highest IoU at or above the threshold, at ten thresholds .50:.05:.95.
/// - Crowds and boxes outside the size range are ignored: they are taken only where no other box can be, and a
///   detection that takes one counts neither as right nor as wrong. A crowd may be taken often; IoU with it is
///   intersection over the detection's area. Detections that take nothing and lie outside the size range are ignored.
/// - AP is the mean over 101 recalls 0:.01:1 of the highest precision at that recall or a higher one. Recall is of the
///   true boxes that are not ignored. Means are over the classes that have such boxes.
///
/// The order in which images come does not matter: equal scores of different images rank by image id. One deviation:
/// pycocotools takes an annotation with id 0 for none; here ids of annotations play no part.
class CocoEvaluation {
 public:
  /// Throws Error{data} where an id comes twice.
  explicit CocoEvaluation(std::vector<CocoCategory> categories);

  /// Names an image that may have neither true boxes nor detections; the others are known by these.
  void add_image(int64_t image_id);
  /// Left out where its category is not evaluated. Throws Error{data} where box or area is not finite.
  void add_truth(const CocoTruth& truth);
  /// Dropped and counted where score or box is not finite, or the category is not evaluated.
  void add_detection(const CocoDetection& detection);

  /// Figures of all that was added so far.
  CocoResult evaluate() const;
  /// What each image adds to them, at all sizes of objects (coco_outcomes.h).
  CocoOutcomes outcomes() const;

 private:
  using ClassFunction =
      std::function<void(const CocoCategory&, std::span<const CocoTruth>, std::span<const CocoDetection>)>;

  std::vector<CocoCategory> categories_;  // by id
  std::vector<int64_t> images_;           // with repetitions, though not in a row
  std::vector<CocoTruth> truths_;
  std::vector<CocoDetection> detections_;
  int64_t invalid_ = 0, unknown_ = 0;

  bool evaluated(int64_t category_id) const;
  /// Ascending, each once.
  std::vector<int64_t> image_ids() const;
  /// Calls it with each category, by id: its true boxes and detections by image, those of an image by descending score.
  void for_each_class(const ClassFunction& function) const;
};

}  // namespace quench::metrics
