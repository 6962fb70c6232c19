#include "study/evaluate.h"

#include "core/clock.h"
#include "core/error.h"
#include "core/json.h"
#include "data/loader.h"
#include "metrics/top_k.h"

namespace quench::study {
namespace {

/// A model that was trained on other classes gives an accuracy that means nothing. Throws Error{data}. Models without
/// names (built by number of classes) have "0", "1", ... and pass.
void require_same_classes(const graph::Graph& graph, const data::Dataset& split) {
  const auto found = graph.metadata.find("classes");
  if (found == graph.metadata.end()) return;
  const Json names = parse_json(found->second, "metadata 'classes'");
  const std::vector<std::string>& wanted = split.classes();
  if (names == Json(wanted) || names.empty() || names[0] == "0") return;
  fail(ErrorKind::data, "[study.evaluate] expected the model's {} classes ({}, ...) in the data, got {} ({}, ...)",
       names.size(), names[0].dump(), wanted.size(), wanted.empty() ? "" : wanted[0]);
}

/// The [N, classes] output of a classifier. Throws Error{data} for another shape.
int64_t class_count(const Tensor& scores, const data::Dataset& split, const graph::Graph& graph) {
  const auto classes = static_cast<int64_t>(split.classes().size());
  if (scores.shape().size() != 2 || scores.shape()[1] != classes) {
    const auto model = graph.metadata.find("model");
    fail(ErrorKind::data, "[study.evaluate] expected scores of {} classes from {}, got shape {}", classes,
         model == graph.metadata.end() ? "the model" : model->second, to_string(scores.shape()));
  }
  return classes;
}

}  // namespace

Accuracy evaluate(runtime::Session& session, const graph::Graph& graph, const data::Dataset& split,
                  const EvaluateOptions& options, const LogSink& log, const CancelToken& cancel) {
  if (graph.inputs.size() != 1 || graph.edge(graph.inputs[0]).shape.size() != 4) {
    fail(ErrorKind::data, "[study.evaluate] expected a model with one image input, got {} inputs", graph.inputs.size());
  }
  require_same_classes(graph, split);
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
    top_k.add(outputs[0].values<float>(), classes, batch->labels);
    if (now_ns() - shown > 500'000'000) {
      shown = now_ns();
      log.show_progress(fmt::format("evaluated {} of {} images, {:.0f} images/s", top_k.count(), split.size(),
                                    static_cast<double>(top_k.count()) * 1e9 / static_cast<double>(shown - start)));
    }
  }
  if (top_k.count() == 0) fail(ErrorKind::config, "[study.evaluate] expected at least one image, got an empty split");
  if (top_k.invalid() > 0) log.warning(fmt::format("{} images gave scores that are not numbers", top_k.invalid()));
  return {top_k.top1(), top_k.top5(), top_k.count(), top_k.predictions()};
}

Tensor sample_image(const data::Dataset& split, const graph::Graph& graph) {
  const int64_t side = graph.edge(graph.inputs.at(0)).shape.at(2);
  return data::to_planar(data::fit_image(split.at(0).pixels, static_cast<int>(side)).reshaped({1, side, side, 3}));
}

}  // namespace quench::study
