#include "steps/start.h"

#include "core/error.h"
#include "models/detect_head.h"
#include "models/preparation.h"
#include "models/spec.h"
#include "models/task.h"
#include "sources/sources.h"
#include "steps/start_weights.h"
#include "train/matching/auto_anchor.h"
#include "weights/match.h"

namespace quench::steps {
namespace {

namespace fs = std::filesystem;

/// Gives a new head anchors for the data's boxes where its own do not fit them.
void fit_anchors(graph::Graph& graph, const data::Splits& data, uint64_t seed, const LogSink& log) {
  const models::DetectHead head = models::detect_head(graph);
  const auto imgsz = static_cast<int>(graph.edge(graph.inputs.at(0)).shape.at(2));
  const auto fitted = train::fitted_anchors(*data.train, imgsz, head, {.seed = seed}, &log);
  if (fitted) train::set_anchors(graph, fitted->anchors);
}

}  // namespace

graph::Graph starting_graph(const Json& model, const data::Splits& data, uint64_t seed, const fs::path& root,
                            const LogSink& log) {
  const std::string name = model["model"];
  const int imgsz = model["imgsz"];
  const models::BuildOptions options{data.train->classes(), imgsz, model["stem_stride"].get<int>(), seed};
  const bool new_anchors = weights::has_anchors(models::spec(name)) && model["auto_anchor"].get<bool>();
  if (model["pretrained"].is_null()) {
    graph::Graph out = models::build(name, options);
    if (new_anchors) fit_anchors(out, data, seed, log);
    return out;
  }
  const fs::path file = find_file(model["pretrained"].get<std::string>(), root);
  if (const std::string how = sources::how_to_get(file.string(), root); !how.empty() && !fs::exists(file)) {
    fail(ErrorKind::io, "[steps.start] expected a file of weights, got '{}', where none is{}", file.string(), how);
  }
  const graph::Graph given = read_start(file, name, imgsz, log);
  Started started = start_from(given, models::build(name, options), file);
  graph::Graph& out = started.graph;
  const bool same_anchors =
      models::class_names(given) == models::class_names(out) && given.metadata.contains("anchors");
  if (same_anchors) out.metadata["anchors"] = given.metadata.at("anchors");
  models::set_preparation(out, models::preparation_of(given));
  log.info(started.told);
  if (new_anchors && !same_anchors) fit_anchors(out, data, seed, log);
  return std::move(out);
}

}  // namespace quench::steps
