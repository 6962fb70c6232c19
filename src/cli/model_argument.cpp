#include "cli/model_argument.h"

#include <algorithm>

#include "core/error.h"
#include "core/hash.h"
#include "graph/onnx_write.h"
#include "graph/shape_inference.h"
#include "models/spec.h"

namespace quench::cli {
namespace {

bool looks_like_path(const std::string& text) {
  return text.find('/') != std::string::npos || text.ends_with(".onnx") || std::filesystem::exists(text);
}

graph::ModelFile from_graph(graph::Graph graph, const std::string& name) {
  graph::ModelFile model;
  model.path = name;
  model.bytes = graph::write_onnx(graph);
  model.sha256 = sha256_hex(model.bytes);
  model.graph = std::move(graph);
  return model;
}

}  // namespace

graph::ModelFile open_model(const std::string& name_or_path, const Json& settings) {
  const int64_t imgsz = settings.value("imgsz", int64_t{0});
  if (looks_like_path(name_or_path)) {
    graph::ModelFile model = graph::read_model(name_or_path);
    if (imgsz == 0) return model;
    return from_graph(graph::with_image_size(std::move(model.graph), imgsz, imgsz), name_or_path);
  }
  models::BuildOptions options;
  options.imgsz = static_cast<int>(imgsz);
  options.stem_stride = settings.value("stem_stride", 2);
  for (int64_t i = 0; i < settings.value("classes", int64_t{0}); ++i) options.classes.push_back(std::to_string(i));
  return from_graph(models::build(name_or_path, options), name_or_path);
}

}  // namespace quench::cli
