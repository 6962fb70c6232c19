#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/json.h"
#include "core/labelled_images.h"
#include "core/tensor.h"
#include "graph/graph.h"
#include "metrics/top_k.h"
#include "models/nms.h"
#include "score/evaluation.h"
#include "score/finite.h"

namespace quench::score {

/// What a model says of one image: all that scores need of it, so that it can be kept and scored later.
struct Answer {
  metrics::TopK::Verdict verdict;             ///< classify
  std::vector<models::Detection> detections;  ///< detect: in pixels of the network's input
  bool operator==(const Answer&) const = default;
};

/// From raw outputs to figures, image by image: what a task is on the side of scores.
class Scorer {
 public:
  virtual ~Scorer() = default;

  /// Throws Error{data} where raw outputs are not finite (score/finite.h).
  void check(std::span<const Tensor> outputs) const { require_finite(outputs, output_names_); }
  /// What the raw outputs (float32, [N,...] each) say of image `in_batch`. Throws Error{internal} for other shapes.
  virtual Answer read(std::span<const Tensor> outputs, int64_t in_batch, const Truth& truth) const = 0;
  /// Adds an image.
  virtual void add(const Answer& answer, const Truth& truth) = 0;

  int64_t images() const { return images_; }
  /// Of the images so far.
  virtual Evaluation result() const = 0;

 protected:
  int64_t images_ = 0;

 private:
  friend std::unique_ptr<Scorer> make_scorer(const graph::Graph&, std::span<const std::string>, const Json&);
  std::vector<std::string> output_names_;
};

/// The scorer of the graph's task. classes: names of the labels 0, 1, ... settings: the task's own for evaluation
/// (config::detect_options for detectors); null: defaults. Throws Error{data} for a task that there is not, and where
/// the graph's outputs are not the task's for so many classes.
std::unique_ptr<Scorer> make_scorer(const graph::Graph& graph, std::span<const std::string> classes,
                                    const Json& settings);

}  // namespace quench::score
