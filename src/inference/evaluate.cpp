#include "inference/evaluate.h"

#include <algorithm>

#include "config/tables.h"
#include "core/error.h"
#include "core/text.h"
#include "data/loading/evaluation_images.h"
#include "data/loading/loader.h"
#include "data/sets/prepared.h"
#include "models/detect_head.h"
#include "models/preparation.h"
#include "models/task.h"
#include "score/evaluate.h"

namespace quench::inference {
namespace {

/// The split's pictures as the model wants them. The caller owns the split: shared without owning.
std::shared_ptr<const data::Dataset> prepared(const data::Dataset& split, const graph::Graph& graph, int imgsz) {
  return data::prepared({std::shared_ptr<void>(), &split}, models::preparation_of(graph), imgsz);
}

score::ImageSource images_of(const Engine& engine, const data::Dataset& split, const EvaluateOptions& options,
                             bool rect, const std::shared_ptr<data::LeftOut>& left_out) {
  const graph::Graph& graph = engine.graph();
  const Shape& shape = graph.edge(graph.inputs[0]).shape;
  if (rect) {
    const models::DetectHead head = models::detect_head(graph);
    return data::evaluation_rectangles(split, static_cast<int>(std::max(shape[2], shape[3])),
                                       static_cast<int>(*std::ranges::max_element(head.strides)), left_out);
  }
  if (shape[2] != shape[3]) {
    fail(ErrorKind::unsupported, "[inference.evaluate] expected a square input, or `rect`, got {}", to_string(shape));
  }
  const auto imgsz = static_cast<int>(shape[2]);
  const auto pictures = prepared(split, graph, imgsz);
  const auto next =
      data::evaluation_images(*pictures, {.imgsz = imgsz,
                                          .batch = data::evaluation_batch(imgsz, options.batch, engine.threads()),
                                          .workers = options.workers,
                                          .left_out = left_out});
  return [pictures, next] { return next(); };
}

}  // namespace

score::Evaluation evaluate(Engine& engine, const data::Dataset& split, const EvaluateOptions& options,
                           const LogSink& log, const CancelToken& cancel) {
  models::require_fit(engine.graph(), split.task(), split.classes());
  if (split.size() == 0)
    fail(ErrorKind::config, "[inference.evaluate] expected at least one image, got an empty split");
  const config::OptionSet& table = config::evaluate_options(split.task());
  const Json settings =
      table.checked(options.settings.is_null() ? Json::object() : table.part_of(options.settings), "evaluate");
  const auto scorer = score::make_scorer(engine.graph(), split.classes(), settings);
  const auto run = [&](const Tensor& images) {
    runtime::Session& session = engine.session(images.shape()[1], images.shape()[2]);
    return session.run(runtime::to_input(data::to_planar(images), session.input_dtype()));
  };
  const auto left_out = std::make_shared<data::LeftOut>();
  const score::ImageSource images = images_of(engine, split, options, settings.value("rect", false), left_out);
  std::vector<Truth> truths;  // of the images that run
  const auto next = [&] {
    std::optional<LabelledImages> batch = images();
    if (batch && options.seen) truths = batch->truths;
    return batch;
  };
  score::Watch watch{.total = split.size(), .log = &log, .cancel = &cancel};
  if (options.seen) {
    watch.heard = [&](const score::Answer& answer, std::span<const Tensor> outputs, int64_t in_batch) {
      options.seen(answer, outputs, in_batch, truths.at(static_cast<size_t>(in_batch)));
    };
  }
  score::evaluate(*scorer, next, run, watch);
  score::Evaluation evaluation = scorer->result();
  evaluation.left_out = left_out->images();
  if (!evaluation.left_out.empty()) log.warning(data::to_text(evaluation.left_out, split.size(), "test images"));
  if (evaluation.scores.empty()) {
    log.warning(fmt::format("no object is annotated on the {}: mAP is not defined (n/a)",
                            counted(evaluation.samples, "image")));
  }
  return evaluation;
}

Tensor sample_image(const data::Dataset& split, const graph::Graph& graph) {
  const auto side = static_cast<int>(graph.edge(graph.inputs.at(0)).shape.at(2));
  const auto pictures = prepared(split, graph, side);
  const auto next = data::evaluation_images(*pictures, {.imgsz = side, .batch = 1, .workers = 0});
  return data::to_planar(next()->images);
}

}  // namespace quench::inference
