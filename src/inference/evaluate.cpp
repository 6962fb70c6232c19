#include "inference/evaluate.h"

#include <algorithm>

#include "core/error.h"
#include "data/loading/loader.h"
#include "data/loading/stand_ins.h"
#include "metrics/top_k.h"
#include "models/task.h"

namespace quench::inference {
namespace {

constexpr double kSameBoxIou = 0.8;

/// Boxes of `a` that have a partner of their own in `b`.
int64_t matches(const std::vector<models::Detection>& a, const std::vector<models::Detection>& b) {
  std::vector<bool> taken(b.size(), false);
  int64_t count = 0;
  for (const models::Detection& box : a) {
    for (size_t i = 0; i < b.size(); ++i) {
      if (taken[i] || b[i].label != box.label || iou(b[i].box, box.box) < kSameBoxIou) continue;
      taken[i] = true;
      ++count;
      break;
    }
  }
  return count;
}

}  // namespace

Evaluation evaluate(Engine& engine, const data::Dataset& split, const EvaluateOptions& options, const LogSink& log,
                    const CancelToken& cancel) {
  models::require_fit(engine.graph(), split.task(), split.classes());
  if (split.size() == 0)
    fail(ErrorKind::config, "[inference.evaluate] expected at least one image, got an empty split");
  Evaluation evaluation = split.task() == "detect" ? evaluate_detector(engine, split, options, log, cancel)
                                                   : evaluate_classifier(engine, split, options, log, cancel);
  if (!evaluation.left_out.empty()) log.warning(data::to_text(evaluation.left_out, split.size(), "test images"));
  return evaluation;
}

double agreement(const Evaluation& a, const Evaluation& b) {
  if (a.detections.empty() && b.detections.empty()) return metrics::agreement(a.predictions, b.predictions);
  ensure(a.detections.size() == b.detections.size(), "[inference.agreement] expected {} images, got {}",
         a.detections.size(), b.detections.size());
  int64_t pairs = 0, boxes = 0;
  for (size_t i = 0; i < a.detections.size(); ++i) {
    pairs += matches(a.detections[i], b.detections[i]);
    boxes += static_cast<int64_t>(a.detections[i].size() + b.detections[i].size());
  }
  return boxes == 0 ? 1 : 2.0 * static_cast<double>(pairs) / static_cast<double>(boxes);
}

Tensor sample_image(const data::Dataset& split, const graph::Graph& graph) {
  const auto side = static_cast<int>(graph.edge(graph.inputs.at(0)).shape.at(2));
  const Tensor pixels = data::first_sample(split).pixels;
  if (split.task() != "detect") return data::to_planar(data::fit_image(pixels, side).reshaped({1, side, side, 3}));
  Tensor image(DType::u8, {1, side, side, 3});
  data::draw(pixels,
             data::letterbox(static_cast<int>(pixels.shape()[0]), static_cast<int>(pixels.shape()[1]), side, side),
             image.mutable_values<uint8_t>().data());
  return data::to_planar(image);
}

}  // namespace quench::inference
