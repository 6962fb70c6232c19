#include "agent_samples.h"

#include "core/hash.h"
#include "core/rng.h"
#include "graph/onnx_write.h"
#include "graph_samples.h"
#include "models/spec.h"
#include "pack_samples.h"
#include "runtime/native/native.h"
#include "score/detection_scorer.h"

namespace quench::agent::samples {
namespace {

graph::Graph built(const std::string& name, std::vector<std::string> classes, int side, bool int8) {
  models::BuildOptions options;
  options.classes = std::move(classes);
  options.imgsz = side;
  options.seed = 5;
  const graph::Graph graph = models::build(name, options);
  return int8 ? graph::samples::quantized(graph, {.pixels = true}) : graph;
}

graph::ModelFile file_of(const graph::Graph& graph) {
  graph::ModelFile file{"sample", graph::write_onnx(graph), "", graph};
  file.sha256 = sha256_hex(file.bytes);
  return file;
}

}  // namespace

graph::Graph classifier(bool int8) { return built("yolov5n-cls", {"ape", "bee", "cat", "dog"}, 32, int8); }

graph::Graph detector(bool int8) { return built("yolov8n", {"cup", "jug"}, 64, int8); }

graph::Graph extremes() {
  graph::Graph graph = classifier(true);
  for (auto& [name, weight] : graph.weights) {
    if (weight.value.dtype() != DType::i8) continue;
    const auto values = weight.value.mutable_values<int8_t>();
    const size_t depth = values.size() / static_cast<size_t>(weight.value.shape()[0]);
    for (size_t i = 0; i < values.size(); ++i) values[i] = i / depth % 2 == 0 ? int8_t{-127} : int8_t{127};
  }
  return graph;
}

pack::Header write_classify_pack(const std::filesystem::path& path, int64_t count, int64_t side) {
  pack::Header header = pack::samples::classify_header(count, side, 4);
  header.classes = {"ape", "bee", "cat", "dog"};
  pack::samples::write_noise(path, header);
  return header;
}

pack::Header write_detect_pack(const std::filesystem::path& path, int64_t count, const graph::Graph& model) {
  pack::Header header = pack::samples::detect_header(count);
  header.classes = {"cup", "jug"};
  const score::DetectionScorer scorer(models::detect_head(model), header.classes, {});
  const auto session = runtime::native_runtime()->load(file_of(model), {});
  for (int64_t i = 0; i < count; ++i) {
    pack::Image& image = header.images[static_cast<size_t>(i)];
    const auto noise = pack::samples::noise_image(header, i);
    const Tensor pixels = Tensor::from(noise, {1, 3, header.height, header.width});
    const auto found = scorer.find(session->run(runtime::to_input(pixels, session->input_dtype())), 0);
    for (size_t k = 0; k < found.size() && k < 12; k += 3) {
      const Box box = image.letterbox.to_image(found[k].box);
      if (box.area() > 0) image.objects.push_back({box, found[k].label, k == 9, box.area()});
    }
  }
  pack::samples::write_noise(path, header);
  return header;
}

}  // namespace quench::agent::samples
