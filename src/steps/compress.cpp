#include "steps/compress.h"

#include <algorithm>

#include "core/error.h"
#include "quant/quantize.h"
#include "train/loop/trainer.h"

namespace quench::steps {
namespace {

bool is_quantized(const graph::Graph& graph) {
  return std::any_of(graph.edges.begin(), graph.edges.end(), [](const graph::Edge& e) { return e.quant.has_value(); });
}

}  // namespace

graph::Graph compress(const graph::ModelFile& parent, const data::Splits& data, const CompressRequest& request,
                      const std::filesystem::path& folder, const LogSink& log, const CancelToken& cancel) {
  if (request.method == "fp32") return parent.graph;
  if (is_quantized(parent.graph)) {
    fail(ErrorKind::config, "[steps.compress] expected a float model, got {} which is quantized already",
         parent.path.string());
  }
  quant::Prepared prepared = quant::prepare(parent.graph, data, request.quantize, log, cancel);
  if (request.method == "qat") {
    Json config = request.qat;
    config["imgsz"] = prepared.graph.edge(prepared.graph.inputs.at(0)).shape.at(2);
    prepared.graph = train::fit(prepared.graph, data, config, {folder, &log, &cancel, true}).graph;
  }
  graph::Graph out = quant::convert(prepared.graph);
  out.metadata["method"] = request.method;
  out.metadata["parent_sha256"] = parent.sha256;
  out.metadata["calibration_sha256"] = prepared.calibration_sha256;
  return out;
}

}  // namespace quench::steps
