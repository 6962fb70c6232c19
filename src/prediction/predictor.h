#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/json.h"
#include "models/nms.h"
#include "prediction/engine.h"

namespace quench::prediction {

/// A class that a classifier gives an image.
struct ClassScore {
  int32_t label = -1;
  float score = 0;  ///< softmax over the model's classes
};

/// What a model says of one image, and how long it took to say it.
struct Prediction {
  int64_t height = 0, width = 0;              ///< of the image
  std::vector<models::Detection> detections;  ///< detector: in the image's pixels, clipped to it; best first
  std::vector<ClassScore> top;                ///< classifier: likeliest first (equal: lower class first)
  int64_t preprocess_ns = 0;                  ///< from pixels to the model's input: resize, layout, type
  int64_t inference_ns = 0;                   ///< the model's run
  int64_t postprocess_ns = 0;                 ///< from raw outputs to what is above
  int64_t suppression_ns = 0;                 ///< of that, non-maximum suppression
};

/// How what a model says is called.
class Vocabulary {
 public:
  Vocabulary(bool finds_objects, std::vector<std::string> classes)
      : finds_objects_(finds_objects), classes_(std::move(classes)) {}

  /// Whether it finds objects (Labels::objects), or says a picture's class.
  bool detects() const { return finds_objects_; }
  /// Names by label; empty where the model has none.
  const std::vector<std::string>& classes() const { return classes_; }
  /// The name of a class; its number where the model has no name for it.
  std::string class_name(int32_t label) const;

 private:
  bool finds_objects_;
  std::vector<std::string> classes_;
};

/// Of a model's metadata. Throws Error{data} for a task that there is not.
Vocabulary vocabulary_of(const graph::Graph& graph);

class PictureReader;

/// From pixels to what people read, for a detector (letterbox, run, decode, non-maximum suppression, back to the
/// image's own pixels) or a classifier (fit, run, softmax).
/// Not for sharing by threads.
class Predictor : public Vocabulary {
 public:
  /// detect: values of config::predict_options(), of which confidence, iou, max_detections, multi_label,
  /// class_agnostic, rect and imgsz are used. A classifier also takes `top`, the number of its classes (5). Throws
  /// Error{data} for a model of another task, Error{config} for an imgsz that is no multiple of its stride.
  Predictor(Engine& engine, const Json& options);
  ~Predictor();

  /// pixels: [h,w,3] uint8 RGB, which go into the model's input in one pass. A size that the runtime has not seen yet
  /// (rect) is prepared first, outside the times. Throws Error{backend} where the model gives scores that are not
  /// numbers.
  Prediction predict(const Tensor& pixels);

 private:
  Engine& engine_;
  std::unique_ptr<PictureReader> reader_;
  Tensor input_;  ///< of the latest picture: its memory is used again
};

}  // namespace quench::prediction
