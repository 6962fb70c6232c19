#include "cli/model_argument.h"

#include <algorithm>
#include <charconv>

#include "core/error.h"
#include "core/hash.h"
#include "core/model_file_name.h"
#include "core/text.h"
#include "graph/onnx_write.h"
#include "graph/shape_inference.h"
#include "models/spec.h"
#include "sources/sources.h"
#include "weights/model_file.h"

namespace quench::cli {
namespace {

constexpr int64_t kMostPixels = 8192;  // a side

bool looks_like_path(const std::string& text) {
  return text.find('/') != std::string::npos || is_model_file_name(text) || std::filesystem::exists(text);
}

struct ImageSize {
  int64_t height = 0;  ///< 0: the model's own
  int64_t width = 0;
  bool square() const { return height == width; }
};

int64_t side(std::string_view text, const std::string& whole) {
  int64_t value = -1;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (status != std::errc() || end != text.data() + text.size() || value < 0 || value > kMostPixels) {
    fail(ErrorKind::config, "expected 'imgsz' as pixels up to {}, or HEIGHTxWIDTH, got '{}'", kMostPixels, whole);
  }
  return value;
}

ImageSize image_size(const Json& settings) {
  const auto found = settings.find("imgsz");
  if (found == settings.end()) return {};
  if (!found->is_string()) return {found->get<int64_t>(), found->get<int64_t>()};
  const std::string text = *found;
  const size_t cross = text.find('x');
  if (cross == std::string::npos) return {side(text, text), side(text, text)};
  const std::string_view whole = text;
  const ImageSize size{side(whole.substr(0, cross), text), side(whole.substr(cross + 1), text)};
  if (size.height == 0 || size.width == 0) fail(ErrorKind::config, "expected sides above 0 in 'imgsz', got '{}'", text);
  return size;
}

graph::Graph resized(graph::Graph graph, const Json& settings) {
  const ImageSize size = image_size(settings);
  return size.height == 0 ? graph : graph::with_image_size(std::move(graph), size.height, size.width);
}

graph::Graph build(const std::string& name, const Json& settings) {
  models::BuildOptions options;
  const ImageSize size = image_size(settings);
  if (size.square()) options.imgsz = static_cast<int>(size.height);
  options.stem_stride = settings.value("stem_stride", 2);
  for (int64_t i = 0; i < settings.value("classes", int64_t{0}); ++i) options.classes.push_back(std::to_string(i));
  graph::Graph graph = models::build(name, options);
  if (!size.square()) graph = graph::with_image_size(std::move(graph), size.height, size.width);
  return graph;
}

graph::ModelFile read(const std::string& given, const program::Environment& environment) {
  const std::string path = released_or(given, environment);
  return weights::read_model_file(path, environment.places.cache_folder, environment.log);
}

}  // namespace

void require_a_name(const std::vector<std::string>& models, const Json& settings) {
  if (!std::ranges::all_of(models, looks_like_path)) return;
  for (const auto& [name, own] : {std::pair("stem_stride", 2), std::pair("classes", 0)}) {
    if (settings.value(name, own) == own) continue;
    fail(ErrorKind::config, "'{}' is of a model by name; {} is a file, which has its own", name, models.front());
  }
}

std::string released_or(const std::string& given, const program::Environment& environment) {
  const sources::Source* weights = sources::weights_named(given);
  std::error_code ignored;
  if (!weights || std::filesystem::exists(given, ignored)) return given;
  const std::filesystem::path fetched = sources::weights_file(*weights, environment.data_root);
  if (!std::filesystem::exists(fetched, ignored)) {
    fail(ErrorKind::config, "expected a model's file, got '{}', where none is{}{}", given,
         sources::how_to_get(given, environment.data_root),
         given.ends_with(".pt") ? "" : fmt::format("; `quench train --model {} -o FILE.onnx` makes one", given));
  }
  environment.log.info(fmt::format("{}: the released weights, {}", given, fetched.string()));
  return fetched.string();
}

graph::Graph open_graph(const std::string& name_or_path, const Json& settings,
                        const program::Environment& environment) {
  if (!looks_like_path(name_or_path)) return build(name_or_path, settings);
  return resized(read(name_or_path, environment).graph, settings);
}

graph::ModelFile open_model(const std::string& name_or_path, const Json& settings,
                            const program::Environment& environment) {
  graph::ModelFile model;
  if (looks_like_path(name_or_path)) {
    model = read(name_or_path, environment);
    if (image_size(settings).height == 0) return model;
    model.graph = resized(std::move(model.graph), settings);
  } else {
    model.graph = build(name_or_path, settings);
  }
  model.path = name_or_path;
  model.bytes = graph::write_onnx(model.graph);
  model.sha256 = sha256_hex(model.bytes);
  return model;
}

graph::ModelFile open_file(const std::string& path, const program::Environment& environment) {
  if (!looks_like_path(path) && !sources::weights_named(path)) {
    if (models::is_name(path)) {
      fail(ErrorKind::config,
           "expected a model file, got the name '{0}', which has no weights: `quench train --model {0} -o FILE.onnx` "
           "makes one, `quench import` reads released ones",
           path);
    }
    if (const std::string near = nearest(path, models::names()); !near.empty()) {
      fail(ErrorKind::config,
           "expected a model file, got '{0}', where none is (the model '{1}' by name is trained first: `quench train "
           "--model {1} -o FILE.onnx`)",
           path, near);
    }
  }
  return read(path, environment);
}

}  // namespace quench::cli
