#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/labelled_images.h"
#include "core/task.h"
#include "core/tensor.h"
#include "data/sets/dataset.h"
#include "metrics/confusion.h"
#include "score/scorer.h"

namespace quench::evaluation {

/// What a model said of one image, and what is true of it.
struct ImageAnswer {
  int64_t index = 0;  ///< in the split
  // Of images with a class:
  int32_t label = -1, prediction = -1;
  double confidence = 0;  ///< softmax of the prediction
  double of_truth = 0;    ///< softmax of the label
  // Of images with objects, in the image's own pixels:
  std::vector<Object> objects;
  std::vector<metrics::FoundBox> found;
};

/// Takes up answers one by one, in the order of the split.
class Answers {
 public:
  /// labels: what is true of the images.
  explicit Answers(Labels labels) : labels_(labels) {}
  /// Of the same kind, of no image yet.
  Answers none() const { return Answers(labels_); }

  /// As inference::Onlooker is called.
  void add(const score::Answer& answer, std::span<const Tensor> outputs, int64_t in_batch, const Truth& truth);
  /// What add() got, for another process; and the answers of another share of the split, behind these. Throws
  /// Error{data} for other bytes.
  std::string bytes() const;
  void add_bytes(const std::string& bytes);
  /// Gives each answer its place in a split of `size` images, of which those were left out. Throws Error{internal}
  /// where the numbers do not fit.
  std::vector<ImageAnswer> finish(int64_t size, const std::vector<LeftOutImage>& left_out);

 private:
  Labels labels_;
  std::vector<ImageAnswer> answers_;
};

}  // namespace quench::evaluation
