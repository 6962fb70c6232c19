#include "inference/evaluate.h"

#include <algorithm>
#include <numeric>
#include <optional>

#include "config/tables.h"
#include "core/error.h"
#include "core/text.h"
#include "data/loading/evaluation_images.h"
#include "data/loading/loader.h"
#include "data/loading/stand_ins.h"
#include "data/sets/prepared.h"
#include "inference/shared_answers.h"
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

/// Images that are run at once.
int64_t batch_of(const Engine& engine, const EvaluateOptions& options, bool rect) {
  const graph::Graph& graph = engine.graph();
  const auto imgsz = static_cast<int>(graph.edge(graph.inputs[0]).shape[2]);
  const int64_t batch = rect ? 1 : data::evaluation_batch(imgsz, options.batch, engine.threads());
  return is_shared(options.shards) ? of_the_first(*options.shards, batch) : batch;
}

/// Those of the share, `batch` at a time.
score::ImageSource images_of(const Engine& engine, const data::Dataset& split, const EvaluateOptions& options,
                             bool rect, int64_t batch, const Share& share,
                             const std::shared_ptr<data::LeftOut>& left_out) {
  const bool shared = is_shared(options.shards);
  const graph::Graph& graph = engine.graph();
  const Shape& shape = graph.edge(graph.inputs[0]).shape;
  if (rect) {
    const models::DetectHead head = models::detect_head(graph);
    return data::evaluation_rectangles(split, static_cast<int>(std::max(shape[2], shape[3])),
                                       static_cast<int>(*std::ranges::max_element(head.strides)), left_out,
                                       shared ? std::optional(share) : std::nullopt);
  }
  if (shape[2] != shape[3]) {
    fail(ErrorKind::unsupported, "[inference.evaluate] expected a square input, or `rect`, got {}", to_string(shape));
  }
  if (share.size() == 0) return [] { return std::nullopt; };
  const auto imgsz = static_cast<int>(shape[2]);
  const auto pictures = prepared(split, graph, imgsz);
  data::EvaluationLoading loading{
      .imgsz = imgsz, .batch = batch, .workers = options.workers, .left_out = left_out, .is_share = shared};
  if (shared) {
    loading.subset.resize(static_cast<size_t>(share.size()));
    std::iota(loading.subset.begin(), loading.subset.end(), share.first);
  }
  const auto next = data::evaluation_images(*pictures, loading);
  return [pictures, next] { return next(); };
}

/// Why there is no image, as one process says it.
[[noreturn]] void fail_without_images(const data::Dataset& split, const std::vector<LeftOutImage>& left_out,
                                      bool rect) {
  if (rect) data::first_sample(split);
  data::fail_none_read(left_out, split.size());
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
  const auto new_scorer = [&] { return score::make_scorer(engine.graph(), split.classes(), settings); };
  auto scorer = new_scorer();
  const auto run = [&](const Tensor& images) {
    runtime::Session& session = engine.session(images.shape()[1], images.shape()[2]);
    return session.run(runtime::to_input(data::to_planar(images), session.input_dtype()));
  };
  const bool shared = is_shared(options.shards), rect = settings.value("rect", false);
  if (shared) require_same(*options.shards, counted(split.size(), "image"), "the size of the test split");
  const int64_t batch_size = batch_of(engine, options, rect);
  const Share share = share_of(split.size(), batch_size, options.shards);
  const auto noted = std::make_shared<data::LeftOut>();
  const score::ImageSource images = images_of(engine, split, options, rect, batch_size, share, noted);
  std::vector<Truth> truths;  // of the images that run
  const auto next = [&] {
    std::optional<LabelledImages> batch = images();
    if (batch && (shared || options.seen)) truths = batch->truths;
    return batch;
  };
  score::Watch watch{.total = share.size(), .log = &log, .cancel = &cancel};
  SharedAnswers mine;
  if (shared || options.seen) {
    watch.heard = [&](const score::Answer& answer, std::span<const Tensor> outputs, int64_t in_batch) {
      const Truth& truth = truths.at(static_cast<size_t>(in_batch));
      if (options.seen) options.seen(answer, outputs, in_batch, truth);
      if (shared) mine.add(answer, truth);
    };
  }
  std::vector<LeftOutImage> left_out;
  if (shared) {
    const std::vector<std::string> shares = exchange_work(*options.shards, [&] {
      score::evaluate(*scorer, next, run, watch);
      return mine.take(noted->images());
    });
    scorer = new_scorer();
    left_out = add_shares(shares, *scorer);
    if (scorer->images() == 0) fail_without_images(split, left_out, rect);
  } else {
    score::evaluate(*scorer, next, run, watch);
    left_out = noted->images();
  }
  score::Evaluation evaluation = scorer->result();
  evaluation.left_out = std::move(left_out);
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
