#include "core/clock.h"
#include "core/error.h"
#include "data/loading/loader.h"
#include "inference/evaluate.h"
#include "metrics/top_k.h"
#include "score/finite.h"

namespace quench::inference {
namespace {

/// The [N, classes] output of a classifier. Throws Error{data} for another shape.
int64_t class_count(const Tensor& scores, const data::Dataset& split, const graph::Graph& graph) {
  const auto classes = static_cast<int64_t>(split.classes().size());
  if (scores.shape().size() != 2 || scores.shape()[1] != classes) {
    const auto model = graph.metadata.find("model");
    fail(ErrorKind::data, "[inference.evaluate] expected scores of {} classes from {}, got shape {}", classes,
         model == graph.metadata.end() ? "the model" : model->second, to_string(scores.shape()));
  }
  return classes;
}

}  // namespace

Evaluation evaluate_classifier(Engine& engine, const data::Dataset& split, const EvaluateOptions& options,
                               const LogSink& log, const CancelToken& cancel) {
  const graph::Graph& graph = engine.graph();
  runtime::Session& session = engine.session();
  data::LoaderOptions loading;
  loading.imgsz = static_cast<int>(graph.edge(graph.inputs[0]).shape[2]);
  loading.batch = options.batch;
  loading.workers = options.workers;
  // The caller owns the split and outlives this call: share it without owning.
  data::Loader loader(std::shared_ptr<const data::Dataset>(std::shared_ptr<void>(), &split), loading);
  loader.start(0);

  metrics::TopK top_k;
  const int64_t start = now_ns();
  int64_t shown = start;
  while (auto batch = loader.next()) {
    cancel.check();
    const Tensor input = runtime::to_input(data::to_planar(batch->images), session.input_dtype());
    const std::vector<Tensor> outputs = session.run(input);
    const int64_t classes = class_count(outputs.at(0), split, graph);
    score::require_finite(outputs, graph);
    top_k.add(outputs[0].values<float>(), classes, batch->labels);
    if (now_ns() - shown > 500'000'000) {
      shown = now_ns();
      log.show_progress(fmt::format("evaluated {} of {} images, {:.0f} images/s", top_k.count(), split.size(),
                                    static_cast<double>(top_k.count()) * 1e9 / static_cast<double>(shown - start)));
    }
  }
  return {{{"top1", top_k.top1()}, {"top5", top_k.top5()}},
          top_k.count(),
          loader.left_out().images(),
          top_k.predictions(),
          {}};
}

}  // namespace quench::inference
