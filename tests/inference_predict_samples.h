#pragma once

#include <memory>
#include <string>

#include "config/tables.h"
#include "core/hash.h"
#include "core/rng.h"
#include "graph/onnx_write.h"
#include "inference/annotated.h"
#include "inference/evaluate.h"
#include "inference/registry.h"
#include "models/spec.h"

namespace quench::inference {

/// A model that was never trained, in `torch`, and a predictor on it.
struct Sample {
  graph::ModelFile model;
  std::unique_ptr<runtime::Registry> registry;
  std::unique_ptr<Engine> engine;
  std::unique_ptr<Predictor> predictor;
};

inline graph::ModelFile model_file(graph::Graph graph) {
  graph::ModelFile model{"model.onnx", "", "", std::move(graph)};
  model.bytes = graph::write_onnx(model.graph);
  model.sha256 = sha256_hex(model.bytes);
  return model;
}

/// options: over the defaults of config::predict_options().
inline std::unique_ptr<Sample> sample_of(graph::ModelFile model, const Json& options = Json::object(),
                                         const std::string& runtime = "torch") {
  auto sample = std::make_unique<Sample>();
  sample->model = std::move(model);
  sample->registry = std::make_unique<runtime::Registry>(full_registry());
  runtime::SessionOptions session;
  session.threads = 1;
  sample->engine = std::make_unique<Engine>(sample->registry->require(runtime), sample->model, session);
  sample->predictor = std::make_unique<Predictor>(*sample->engine, config::predict_options().checked(options, "test"));
  return sample;
}

/// A detector of three classes that finds something in any image, since its thresholds are low.
inline std::unique_ptr<Sample> detector(Json options = Json::object(), const std::string& name = "yolov5n") {
  const graph::Graph graph = models::build(name, {.classes = {"cat", "dog", "big, \"red\" bus"}, .imgsz = 64});
  if (!options.contains("confidence")) options["confidence"] = 1e-7;
  if (!options.contains("max_detections")) options["max_detections"] = 20;
  return sample_of(model_file(graph), options);
}

inline std::unique_ptr<Sample> classifier(const Json& options = Json::object()) {
  return sample_of(
      model_file(models::build("yolov5n-cls", {.classes = {"a", "b", "c", "d", "e", "f", "g"}, .imgsz = 32})), options);
}

inline Tensor noise(int height, int width, uint64_t seed = 0) {
  Tensor pixels(DType::u8, {height, width, 3});
  Rng rng(seed, "noise");
  for (uint8_t& value : pixels.mutable_values<uint8_t>()) value = static_cast<uint8_t>(rng.below(256));
  return pixels;
}

}  // namespace quench::inference
