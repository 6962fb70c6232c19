#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/json.h"
#include "inference/evaluate.h"
#include "models/detect_head.h"
#include "models/nms.h"

namespace quench::inference {

/// A class that a classifier gives an image.
struct ClassScore {
  int32_t label = -1;
  float score = 0;  ///< softmax over the model's classes
};

/// What a model says of one image, and how long it took to say it.
struct Prediction {
  int64_t height = 0, width = 0;              ///< of the image
  std::vector<models::Detection> detections;  ///< detector: in the image's pixels, clipped to it; best first
  std::vector<ClassScore> top;                ///< classifier: up to five, likeliest first (equal: lower class first)
  int64_t preprocess_ns = 0;                  ///< from pixels to the model's input: resize, layout, type
  int64_t inference_ns = 0;                   ///< the model's run
  int64_t postprocess_ns = 0;                 ///< from raw outputs to what is above
};

/// From pixels to what people read, for a detector (letterbox, run, decode, non-maximum suppression, back to the
/// image's own pixels) or a classifier (fit, run, softmax).
class Predictor {
 public:
  /// detect: values of config::predict_options(), of which confidence, iou, max_detections, multi_label,
  /// class_agnostic, rect and imgsz are used. Throws Error{data} for a model that is neither, Error{config} for an
  /// imgsz that is no multiple of its stride.
  Predictor(Engine& engine, const Json& options);

  /// pixels: [h,w,3] uint8 RGB. A size that the runtime has not seen yet (rect) is prepared first, outside the times.
  /// Throws Error{backend} where the model gives scores that are not numbers.
  Prediction predict(const Tensor& pixels);

  bool detects() const { return head_.has_value(); }
  const std::vector<std::string>& classes() const { return classes_; }
  /// The name of a class; its number where the model has no name for it.
  std::string class_name(int32_t label) const;

 private:
  Prediction detect(const Tensor& pixels);
  Prediction classify(const Tensor& pixels);
  runtime::Session& session(int64_t height, int64_t width);

  Engine& engine_;
  std::optional<models::DetectHead> head_;
  std::vector<std::string> classes_;
  models::NmsOptions nms_;
  bool rect_ = false;
  int height_ = 0, width_ = 0;  ///< of the model's input
};

}  // namespace quench::inference
