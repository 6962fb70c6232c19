#include "inference/predict.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/clock.h"
#include "core/error.h"
#include "data/loading/loader.h"
#include "data/pictures/fit.h"
#include "data/pictures/letterbox.h"
#include "models/decode.h"
#include "models/task.h"
#include "score/detection_scorer.h"
#include "score/finite.h"

namespace quench::inference {
namespace {

constexpr size_t kTop = 5;

std::string metadata(const graph::Graph& graph, const std::string& key) {
  const auto found = graph.metadata.find(key);
  return found == graph.metadata.end() ? "" : found->second;
}

/// The likeliest classes of one row of logits.
std::vector<ClassScore> top_classes(std::span<const float> logits) {
  std::vector<int32_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  const size_t count = std::min(kTop, order.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count), order.end(),
                    [&](int32_t a, int32_t b) { return logits[a] != logits[b] ? logits[a] > logits[b] : a < b; });
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - logits[order[0]]);
  std::vector<ClassScore> top;
  for (size_t i = 0; i < count; ++i) {
    const double share = std::exp(static_cast<double>(logits[order[i]]) - logits[order[0]]) / sum;
    top.push_back({order[i], static_cast<float>(share)});
  }
  return top;
}

}  // namespace

Predictor::Predictor(Engine& engine, const Json& options) : engine_(engine) {
  const graph::Graph& graph = engine.graph();
  const std::string task = metadata(graph, "task");
  const Shape& shape = graph.edge(graph.inputs.at(0)).shape;
  height_ = static_cast<int>(shape.at(2));
  width_ = static_cast<int>(shape.at(3));
  if (const int imgsz = options["imgsz"]; imgsz > 0) height_ = width_ = imgsz;
  if (task == "detect") {
    head_ = models::detect_head(graph);
    classes_ = head_->classes;
    nms_ = score::nms_options(options);
    rect_ = options["rect"];
  } else if (task == "classify") {
    classes_ = models::class_names(graph);
    if (height_ != width_) {
      fail(ErrorKind::unsupported, "[inference.predict] expected a classifier with a square input, got {}x{}", height_,
           width_);
    }
  } else {
    fail(ErrorKind::data, "[inference.predict] expected a model whose task is detect or classify, got '{}'", task);
  }
  if (!rect_) session(height_, width_);  // fails now rather than at the first image
}

std::string Predictor::class_name(int32_t label) const {
  const bool named = label >= 0 && static_cast<size_t>(label) < classes_.size();
  return named ? classes_[static_cast<size_t>(label)] : std::to_string(label);
}

Prediction Predictor::predict(const Tensor& pixels) {
  const Shape& shape = pixels.shape();
  ensure(pixels.dtype() == DType::u8 && shape.size() == 3 && shape[2] == 3 && !pixels.empty(),
         "[inference.predict] expected uint8 pixels [h,w,3], got {} {}", to_string(pixels.dtype()), to_string(shape));
  Prediction prediction = detects() ? detect(pixels) : classify(pixels);
  prediction.height = shape[0];
  prediction.width = shape[1];
  return prediction;
}

runtime::Session& Predictor::session(int64_t height, int64_t width) { return engine_.session(height, width); }

Prediction Predictor::detect(const Tensor& pixels) {
  const int height = static_cast<int>(pixels.shape()[0]), width = static_cast<int>(pixels.shape()[1]);
  const auto multiple = static_cast<int>(*std::ranges::max_element(head_->strides));
  const data::Letterbox fitted = rect_ ? data::rect_letterbox(height, width, std::max(height_, width_), multiple)
                                       : data::letterbox(height, width, height_, width_);
  runtime::Session& model = session(fitted.canvas_height, fitted.canvas_width);

  Prediction out;
  const int64_t start = now_ns();
  Tensor canvas(DType::u8, {1, fitted.canvas_height, fitted.canvas_width, 3});
  data::draw(pixels, fitted, canvas.mutable_values<uint8_t>().data());
  const Tensor input = runtime::to_input(data::to_planar(canvas), model.input_dtype());
  const int64_t prepared = now_ns();
  const std::vector<Tensor> outputs = model.run(input);
  const int64_t ran = now_ns();
  score::require_finite(outputs, engine_.graph());
  out.detections = models::non_max_suppression(models::decode(*head_, outputs, 0, nms_.confidence), nms_);
  for (models::Detection& found : out.detections) found.box = fitted.to_image(found.box);
  out.postprocess_ns = now_ns() - ran;
  out.inference_ns = ran - prepared;
  out.preprocess_ns = prepared - start;
  return out;
}

Prediction Predictor::classify(const Tensor& pixels) {
  runtime::Session& model = session(height_, width_);
  Prediction out;
  const int64_t start = now_ns();
  const Tensor image = data::fit_image(pixels, height_).reshaped({1, height_, width_, 3});
  const Tensor input = runtime::to_input(data::to_planar(image), model.input_dtype());
  const int64_t prepared = now_ns();
  const std::vector<Tensor> outputs = model.run(input);
  const int64_t ran = now_ns();
  const Shape& shape = outputs.at(0).shape();
  if (shape.size() != 2 || shape[0] != 1) {
    fail(ErrorKind::data, "[inference.predict] expected scores [1,classes], got {}", to_string(shape));
  }
  score::require_finite(outputs, engine_.graph());
  out.top = top_classes(outputs[0].values<float>());
  out.postprocess_ns = now_ns() - ran;
  out.inference_ns = ran - prepared;
  out.preprocess_ns = prepared - start;
  return out;
}

}  // namespace quench::inference
