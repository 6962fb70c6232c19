#include "prediction/engine.h"

#include "core/error.h"
#include "core/hash.h"
#include "graph/magnitude.h"
#include "graph/onnx_write.h"
#include "graph/shape_inference.h"

namespace quench::prediction {

Engine::Engine(const runtime::Runtime& runtime, const graph::ModelFile& model, const runtime::SessionOptions& options)
    : runtime_(runtime), model_(model), options_(options) {
  graph::require_magnitudes(model.graph);
  sessions_[own_size()] = runtime.load(model, options);
}

std::pair<int64_t, int64_t> Engine::own_size() const {
  if (graph().inputs.size() != 1 || graph().edge(graph().inputs[0]).shape.size() != 4) {
    fail(ErrorKind::data, "[prediction.engine] expected a model with one image input, got {} inputs",
         graph().inputs.size());
  }
  const Shape& shape = graph().edge(graph().inputs[0]).shape;
  return {shape[2], shape[3]};
}

runtime::Session& Engine::session(int64_t height, int64_t width) {
  std::unique_ptr<runtime::Session>& session = sessions_[{height, width}];
  if (!session) {
    graph::ModelFile resized{model_.path, "", "", graph::with_image_size(model_.graph, height, width)};
    resized.bytes = graph::write_onnx(resized.graph);
    resized.sha256 = sha256_hex(resized.bytes);
    session = runtime_.load(resized, options_);
  }
  return *session;
}

}  // namespace quench::prediction
