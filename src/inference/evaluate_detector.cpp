#include <algorithm>
#include <cstring>

#include "config/tables.h"
#include "core/clock.h"
#include "core/error.h"
#include "data/loading/loader.h"
#include "data/loading/stand_ins.h"
#include "data/pictures/letterbox.h"
#include "inference/evaluate.h"
#include "score/detection_scorer.h"
#include "score/finite.h"

namespace quench::inference {
namespace {

/// One pass over a split: from images to boxes and figures.
class Pass {
 public:
  Pass(Engine& engine, const data::Dataset& split, const Json& detect, const LogSink& log, const CancelToken& cancel)
      : engine_(engine),
        split_(split),
        log_(log),
        cancel_(cancel),
        scorer_(models::detect_head(engine.graph()), split.classes(), score::nms_options(detect)),
        start_ns_(now_ns()),
        shown_ns_(start_ns_) {}

  /// All images in a square of the model's own size, some at a time, prepared by workers.
  void square(const EvaluateOptions& options, int imgsz) {
    constexpr int64_t kPixels = 128 * 128 * 128;  // a run: some hundred megabytes of values
    data::LoaderOptions loading;
    loading.imgsz = imgsz;
    loading.batch = std::clamp<int64_t>(kPixels / (int64_t{imgsz} * imgsz), 1, options.batch);
    loading.workers = options.workers;
    // The caller owns the split and outlives this call: share it without owning.
    data::Loader loader(std::shared_ptr<const data::Dataset>(std::shared_ptr<void>(), &split_), loading);
    loader.start(0);
    while (auto batch = loader.next()) {
      run(engine_.session(), batch->images, batch->indices, batch->letterboxes);
    }
    left_out_ = loader.left_out().images();
  }

  /// Each image in the smallest rectangle that takes it.
  void rectangles(int imgsz) {
    const models::DetectHead head = models::detect_head(engine_.graph());
    const auto multiple = static_cast<int>(*std::ranges::max_element(head.strides));
    data::LeftOut left_out;
    for (int64_t index = 0; index < split_.size(); ++index) {
      const std::optional<data::Sample> sample = data::read_or_note(split_, index, left_out);
      if (!sample) continue;
      const data::Letterbox fitted = data::rect_letterbox(static_cast<int>(sample->pixels.shape()[0]),
                                                          static_cast<int>(sample->pixels.shape()[1]), imgsz, multiple);
      Tensor image(DType::u8, {1, fitted.canvas_height, fitted.canvas_width, 3});
      data::draw(sample->pixels, fitted, image.mutable_values<uint8_t>().data());
      run(engine_.session(fitted.canvas_height, fitted.canvas_width), image, {index}, {fitted});
    }
    left_out_ = left_out.images();
    if (scorer_.images() == 0) data::first_sample(split_);  // says why there is none
  }

  Evaluation result() {
    Evaluation out;
    out.scores = scorer_.scores();
    if (out.scores.empty()) {
      log_.warning(fmt::format("no object is annotated on the {} images: mAP is not defined (n/a)", scorer_.images()));
    }
    out.samples = scorer_.images();
    out.left_out = std::move(left_out_);
    out.detections = std::move(shown_);
    return out;
  }

 private:
  void run(runtime::Session& session, const Tensor& images, const std::vector<int64_t>& indices,
           const std::vector<data::Letterbox>& letterboxes) {
    cancel_.check();
    const std::vector<Tensor> outputs = session.run(runtime::to_input(data::to_planar(images), session.input_dtype()));
    score::require_finite(outputs, engine_.graph());
    for (size_t i = 0; i < indices.size(); ++i) {
      std::vector<models::Detection> found = scorer_.add(indices[i], scorer_.find(outputs, static_cast<int64_t>(i)),
                                                         letterboxes.at(i), split_.objects(indices[i]));
      std::erase_if(found, [](const models::Detection& d) { return d.score < kShownConfidence; });
      shown_.push_back(std::move(found));
    }
    if (now_ns() - shown_ns_ < 500'000'000) return;
    shown_ns_ = now_ns();
    log_.show_progress(
        fmt::format("evaluated {} of {} images, {:.1f} images/s", scorer_.images(), split_.size(),
                    static_cast<double>(scorer_.images()) * 1e9 / static_cast<double>(shown_ns_ - start_ns_)));
  }

  Engine& engine_;
  const data::Dataset& split_;
  const LogSink& log_;
  const CancelToken& cancel_;
  score::DetectionScorer scorer_;
  std::vector<std::vector<models::Detection>> shown_;
  std::vector<data::LeftOutImage> left_out_;
  int64_t start_ns_, shown_ns_;
};

}  // namespace

Evaluation evaluate_detector(Engine& engine, const data::Dataset& split, const EvaluateOptions& options,
                             const LogSink& log, const CancelToken& cancel) {
  const Json detect =
      config::detect_options().checked(options.detect.is_null() ? Json::object() : options.detect, "evaluate");
  const Shape& shape = engine.graph().edge(engine.graph().inputs[0]).shape;
  Pass pass(engine, split, detect, log, cancel);
  if (detect["rect"].get<bool>()) {
    pass.rectangles(static_cast<int>(std::max(shape[2], shape[3])));
  } else if (shape[2] == shape[3]) {
    pass.square(options, static_cast<int>(shape[2]));
  } else {
    fail(ErrorKind::unsupported, "[inference.evaluate] expected a square input, or `rect`, got {}", to_string(shape));
  }
  return pass.result();
}

}  // namespace quench::inference
