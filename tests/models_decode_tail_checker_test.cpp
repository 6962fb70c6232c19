// Exported detectors against a reader that is not ours: ONNX's own checker and shape inference.
#include <gtest/gtest.h>
#include <onnx/checker.h>
#include <onnx/onnx_pb.h>
#include <onnx/shape_inference/implementation.h>

#include <map>

#include "graph/passes.h"
#include "graph/shape_inference.h"
#include "graph_samples.h"
#include "models/decode_tail.h"
#include "models/spec.h"

namespace quench::models {
namespace {

onnx::ModelProto decoded(const graph::Graph& graph) {
  onnx::ModelProto model;
  EXPECT_TRUE(model.ParseFromString(write_onnx(graph, decode_tail(graph))));
  return model;
}

/// Shapes by name; the batch, N or unknown, is -1.
template <typename Values>
void take(const Values& values, std::map<std::string, Shape>& shapes) {
  for (const auto& value : values) {
    Shape& shape = shapes[value.name()];
    for (const auto& dim : value.type().tensor_type().shape().dim()) {
      shape.push_back(dim.has_dim_value() ? dim.dim_value() : -1);
    }
  }
}

std::map<std::string, Shape> shapes_of(const onnx::ModelProto& model) {
  std::map<std::string, Shape> shapes;
  take(model.graph().value_info(), shapes);
  take(model.graph().output(), shapes);
  return shapes;
}

void expect_valid(const graph::Graph& graph, const std::string& what) {
  onnx::ModelProto model = decoded(graph);
  EXPECT_NO_THROW(onnx::checker::check_model(model)) << what;
  const std::map<std::string, Shape> written = shapes_of(model);
  model.mutable_graph()->clear_value_info();
  for (auto& output : *model.mutable_graph()->mutable_output()) {
    output.mutable_type()->mutable_tensor_type()->clear_shape();
  }
  onnx::ShapeInferenceOptions strict;
  strict.check_type = true;
  strict.error_mode = 1;
  ASSERT_NO_THROW(onnx::shape_inference::InferShapes(model, onnx::OpSchemaRegistry::Instance(), strict)) << what;
  const std::map<std::string, Shape> inferred = shapes_of(model);
  int compared = 0;
  for (const auto& [name, shape] : written) {
    if (!name.starts_with("decode/") && name != "boxes" && name != "scores") continue;
    ASSERT_TRUE(inferred.contains(name)) << what << ": " << name;
    EXPECT_EQ(inferred.at(name), shape) << what << ": " << name;
    EXPECT_EQ(shape.at(0), -1) << what << ": " << name;
    ++compared;
  }
  EXPECT_GT(compared, 30) << what;
}

TEST(DecodeTailChecker, AcceptsEveryDetector) {
  for (const std::string& name : names()) {
    if (!name.ends_with("n")) continue;  // yolov5n, yolov8n: larger ones differ in widths and depths alone
    const graph::Graph square = build(name, {.classes = {"a", "b", "c"}, .imgsz = 64});
    expect_valid(square, name);
    expect_valid(graph::with_image_size(square, 96, 32), name + " 96x32");
    const graph::Graph fused = graph::fuse_activations(graph::fold_batch_norms(square));
    expect_valid(graph::samples::quantized(fused, {.pixels = true}), name + " integer");
    expect_valid(graph::samples::quantized(fused, {.outputs = true}), name + " integer outputs");
    expect_valid(graph::samples::quantized(fused, {.integer = false}), name + " prepared");
  }
}

TEST(DecodeTailChecker, RefusesADamagedTail) {  // else the test above could not fail
  onnx::ModelProto model = decoded(build("yolov5n", {.classes = {"a"}, .imgsz = 64}));
  model.mutable_graph()->mutable_node(model.graph().node_size() - 1)->set_input(0, "nowhere");
  EXPECT_THROW(onnx::checker::check_model(model), onnx::checker::ValidationError);
}

}  // namespace
}  // namespace quench::models
