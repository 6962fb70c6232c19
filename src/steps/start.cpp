#include "steps/start.h"

#include "core/error.h"
#include "graph/onnx_read.h"
#include "models/detect_head.h"
#include "models/spec.h"
#include "train/matching/auto_anchor.h"
#include "weights/import.h"

namespace quench::steps {
namespace {

namespace fs = std::filesystem;

graph::Graph read_weights(const fs::path& file, const std::string& model, int imgsz) {
  if (file.extension() == ".onnx") return graph::read_model(file).graph;
  return weights::import_file(file, {.model = model, .imgsz = imgsz, .classes = {}});
}

bool same_classes(const graph::Graph& graph, const data::Splits& data) {
  const auto found = graph.metadata.find("classes");
  return found != graph.metadata.end() &&
         parse_json(found->second, "metadata 'classes'").size() == data.train->classes().size();
}

/// Takes over what fits by name, shape and dtype. Returns how many tensors keep their initial values.
int64_t take_over(const graph::Graph& from, graph::Graph& to) {
  int64_t initial = 0;
  for (auto& [name, weight] : to.weights) {
    const auto found = from.weights.find(name);
    const bool fits = found != from.weights.end() && found->second.value.shape() == weight.value.shape() &&
                      found->second.value.dtype() == weight.value.dtype();
    if (fits) weight.value = found->second.value;
    initial += !fits;
  }
  return initial;
}

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
  const bool new_anchors = models::spec(name).task == "detect" && model["auto_anchor"].get<bool>();
  if (model["pretrained"].is_null()) {
    graph::Graph out = models::build(name, options);
    if (new_anchors) fit_anchors(out, data, seed, log);
    return out;
  }
  const fs::path file = find_file(model["pretrained"].get<std::string>(), root);
  graph::Graph given = read_weights(file, name, imgsz);
  if (same_classes(given, data)) return given;
  graph::Graph out = models::build(name, options);
  const int64_t initial = take_over(given, out);
  if (initial == static_cast<int64_t>(out.weights.size())) {
    fail(ErrorKind::data, "[steps.start] expected weights of {} in {}, got none of its tensors", name, file.string());
  }
  log.info(fmt::format("{} of {} tensors from {}; {} of other shapes start anew", out.weights.size() - initial,
                       out.weights.size(), file.string(), initial));
  if (new_anchors) fit_anchors(out, data, seed, log);
  return out;
}

}  // namespace quench::steps
