#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/json.h"
#include "core/tensor.h"
#include "graph/graph.h"

namespace quench::prune {

/// What a model did on some images. Of gradients and values, those that the criterion asks for.
struct SeenBatch {
  std::vector<int32_t> labels;                ///< classifiers: the class of each image
  std::vector<std::vector<int32_t>> present;  ///< detectors: the classes of the objects of each image
  /// Of the task's loss, mean over the images, by each weight, under its name and of its shape, float32. A weight that
  /// the loss does not depend on may be absent.
  std::map<std::string, Tensor> gradients;
  std::map<graph::EdgeId, Tensor> values;  ///< of edges(): float32 [N,C,...]
};

/// A criterion that looks at images: adds up what it sees of each batch. Knows nothing of how a model is run.
class ImageCriterion {
 public:
  virtual ~ImageCriterion() = default;

  /// Whether it asks for gradients.
  virtual bool wants_gradients() const { return false; }
  /// Images that a batch must have; 0: it does not matter.
  virtual int64_t batch() const { return 0; }
  /// Images below which it tells channels apart by little but chance, with so many classes; 0: any number does.
  virtual int64_t fewest_images([[maybe_unused]] int64_t classes) const { return 0; }
  /// Whose values it asks for, ascending.
  virtual std::vector<graph::EdgeId> edges() const { return {}; }

  /// Throws Error{data} for values that are not finite, naming the weight or the edge.
  virtual void add(const SeenBatch& seen) = 0;
};

/// Shows training images to a criterion. Returns what the file shall say of them.
using ShowImages = std::function<Json(ImageCriterion&)>;

}  // namespace quench::prune
