#include "cli/model_argument.h"

#include <algorithm>

#include "core/error.h"
#include "core/file.h"
#include "core/hash.h"
#include "graph/onnx_write.h"
#include "graph/shape_inference.h"
#include "models/spec.h"

namespace quench::cli {
namespace {

bool looks_like_path(const std::string& text) {
  return text.find('/') != std::string::npos || text.ends_with(".onnx") || std::filesystem::exists(text);
}

graph::Graph build(const std::string& name, const Json& settings) {
  models::BuildOptions options;
  options.imgsz = settings.value("imgsz", 0);
  options.stem_stride = settings.value("stem_stride", 2);
  for (int64_t i = 0; i < settings.value("classes", int64_t{0}); ++i) options.classes.push_back(std::to_string(i));
  return models::build(name, options);
}

graph::Graph resized(graph::Graph graph, const Json& settings) {
  const int64_t imgsz = settings.value("imgsz", int64_t{0});
  return imgsz == 0 ? graph : graph::with_image_size(std::move(graph), imgsz, imgsz);
}

}  // namespace

graph::Graph open_graph(const std::string& name_or_path, const Json& settings) {
  if (!looks_like_path(name_or_path)) return build(name_or_path, settings);
  return resized(graph::read_onnx(read_file(name_or_path), name_or_path), settings);
}

graph::ModelFile open_model(const std::string& name_or_path, const Json& settings) {
  graph::ModelFile model;
  if (looks_like_path(name_or_path)) {
    model = graph::read_model(name_or_path);
    if (settings.value("imgsz", 0) == 0) return model;
    model.graph = resized(std::move(model.graph), settings);
  } else {
    model.graph = build(name_or_path, settings);
  }
  model.path = name_or_path;
  model.bytes = graph::write_onnx(model.graph);
  model.sha256 = sha256_hex(model.bytes);
  return model;
}

}  // namespace quench::cli
