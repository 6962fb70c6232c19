#include "library_testing.h"

#include <fmt/format.h>
#include <sys/wait.h>

#include <cmath>
#include <cstdio>

#include "core/file.h"
#include "core/json.h"
#include "core/rng.h"
#include "graph/onnx_write.h"
#include "graph_samples.h"
#include "models/preparation.h"
#include "models/spec.h"

namespace library_testing {
namespace {

using quench::Json;

quench::graph::Graph model(const std::string& name, std::vector<std::string> classes, int side) {
  quench::models::BuildOptions options;
  options.classes = std::move(classes);
  options.imgsz = side;
  options.seed = 5;
  quench::graph::Graph graph = quench::models::build(name, options);
  for (auto& [weight_name, weight] : graph.weights) {  // the classes' logits of YOLOv8's head
    if (weight_name.find(".cv3.") == std::string::npos || !weight_name.ends_with(".2.bias")) continue;
    for (float& value : weight.value.mutable_values<float>()) value = 0.3f;
  }
  return graph;
}

double rounded(double value, double steps) { return std::round(value * steps) / steps; }

}  // namespace

void write_models(const std::string& folder) {
  for (const auto& [file, graph] : {std::pair{"detector", model("yolov8n", {"cup", "jug"}, 64)},
                                    std::pair{"classifier", model("yolov5n-cls", {"ape", "bee", "cat", "dog"}, 32)}}) {
    quench::graph::save_onnx(graph, fmt::format("{}/{}.onnx", folder, file));
    quench::graph::save_onnx(quench::graph::samples::quantized(graph, {.pixels = true}),
                             fmt::format("{}/{}-int8.onnx", folder, file));
  }
  quench::graph::Graph prepared = model("yolov5n-cls", {"ape", "bee", "cat", "dog"}, 32);
  for (auto& [name, weight] : prepared.weights) {  // initial weights see hardly anything of a picture
    if (weight.value.shape().size() != 4) continue;
    for (float& value : weight.value.mutable_values<float>()) value *= 3;
  }
  quench::graph::save_onnx(prepared, folder + "/classifier-own.onnx");
  quench::models::set_preparation(prepared, {.resampling = quench::pixels::Resampling::bicubic_antialias});
  quench::graph::save_onnx(prepared, folder + "/classifier-prepared.onnx");
}

std::vector<uint8_t> picture(int height, int width, uint64_t seed) {
  quench::Rng rng(seed, "picture");
  std::vector<uint8_t> pixels(static_cast<size_t>(3 * height) * static_cast<size_t>(width));
  const int side = 1 + std::max(height, width) / 6;
  std::vector<uint8_t> blots(3 * 64);
  for (uint8_t& value : blots) value = static_cast<uint8_t>(rng.below(200));
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const size_t blot = static_cast<size_t>((y / side * 8 + x / side) % 64);
      for (size_t c = 0; c < 3; ++c) {
        pixels[static_cast<size_t>(3 * (y * width + x)) + c] =
            static_cast<uint8_t>(blots[3 * blot + c] + rng.below(56));
      }
    }
  }
  return pixels;
}

void write_ppm(const std::string& path, const std::vector<uint8_t>& pixels, int height, int width) {
  write(path, fmt::format("P6\n{} {}\n255\n", width, height) + std::string(pixels.begin(), pixels.end()));
}

Outcome run(const std::string& command) {
  Outcome outcome;
  FILE* pipe = ::popen(fmt::format("({}) 2>&1", command).c_str(), "r");
  if (!pipe) return outcome;
  char buffer[4096];
  for (size_t count = 0; (count = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;) outcome.out.append(buffer, count);
  outcome.code = WEXITSTATUS(::pclose(pipe));
  return outcome;
}

std::string read(const std::string& path) { return quench::read_file(path); }
void write(const std::string& path, const std::string& bytes) { quench::write_file(path, bytes); }

Row row(const std::string& name, double score, double x1, double y1, double x2, double y2) {
  Row out = row(name, score);
  for (const double value : {x1, y1, x2 - x1, y2 - y1}) out.bbox.push_back(rounded(value, 1e3));
  return out;
}
Row row(const std::string& name, double score) { return {name, rounded(score, 1e5), {}}; }

std::vector<Row> predicted(const std::string& jsonl) {
  const Json image = quench::parse_json(jsonl, "quench predict");
  std::vector<Row> rows;
  for (const Json& found : image.value(image.contains("top") ? "top" : "detections", Json::array())) {
    Row& one = rows.emplace_back();
    one.name = found["category_name"];
    one.score = found["score"];
    if (found.contains("bbox")) one.bbox = found["bbox"].get<std::vector<double>>();
  }
  return rows;
}

}  // namespace library_testing
