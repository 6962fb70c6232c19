#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/box.h"
#include "core/object.h"

namespace quench::metrics {

/// How often what is one class was taken for another.
struct Confusion {
  int64_t classes = 0;
  bool background = false;      ///< a last row and column of what is no object: of boxes
  std::vector<int64_t> counts;  ///< [true class][predicted class], side() each

  int64_t side() const { return classes + (background ? 1 : 0); }
  int64_t at(int64_t truth, int64_t predicted) const { return counts[static_cast<size_t>(truth * side() + predicted)]; }
};

/// Of images with a class each. Throws Error{internal} for a class outside [0,classes), or lists of other lengths.
Confusion class_confusion(std::span<const int32_t> labels, std::span<const int32_t> predictions, int64_t classes);

/// A box that a model found.
struct FoundBox {
  Box box;
  double score = 0;
  int32_t label = -1;
};

/// IoU and confidence of the usual confusion matrix of a detector (Ultralytics').
inline constexpr double kConfusionIou = 0.45, kConfusionConfidence = 0.25;

/// An empty one, with background.
Confusion box_confusion(int64_t classes);

/// Adds the boxes of one image. Boxes found with a score above kConfusionConfidence and true boxes become pairs by
/// descending IoU, above kConfusionIou, whatever their classes, each box once. A true box without a partner is
/// background to the model, a found box without one is background taken for an object; but not where a crowd of its
/// class covers more than kConfusionIou of it. Crowds have no row. Ultralytics' rule but for one thing: there a found
/// box whose best partner is taken gets no other.
void add_boxes(Confusion& confusion, std::span<const Object> truths, std::span<const FoundBox> found);

/// A true class and another that was predicted.
struct Confused {
  int64_t truth = 0, predicted = 0;  ///< `classes` for background
  int64_t count = 0;
  bool operator==(const Confused&) const = default;
};

/// The most frequent ones, at most `most`; of equals, those of the lower true class, then of the lower predicted class.
std::vector<Confused> most_confused(const Confusion& confusion, size_t most);

/// The classes that take part in the most confusions (as true or as predicted class; background is none of them), at
/// most `most`, by number.
std::vector<int64_t> most_confused_classes(const Confusion& confusion, size_t most);

/// What one image's found boxes and true boxes are to each other.
struct ImageMatches {
  static constexpr int32_t kWrong = -1, kIgnored = -2;  ///< it takes nothing; it takes a crowd
  std::vector<int32_t> of_found;  ///< a found box's true box, kWrong or kIgnored; in the order given
  int64_t right = 0, wrong = 0, missed = 0;
};

/// By COCO's rule at one IoU: by descending score each takes the free true box of its class with the highest IoU, `iou`
/// or more; else a crowd.
ImageMatches match_image(std::span<const Object> truths, std::span<const FoundBox> found, double iou);

}  // namespace quench::metrics
