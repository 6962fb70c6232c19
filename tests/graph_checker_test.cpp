// The files against a reader that is not ours: ONNX's own checker and shape inference.
#include <gtest/gtest.h>
#include <onnx/checker.h>
#include <onnx/onnx_pb.h>
#include <onnx/shape_inference/implementation.h>

#include <map>

#include "graph/onnx_write.h"
#include "graph_samples.h"

namespace quench::graph {
namespace {

onnx::ModelProto parse(const std::string& bytes) {
  onnx::ModelProto model;
  EXPECT_TRUE(model.ParseFromString(bytes));
  return model;
}

TEST(OnnxChecker, AcceptsEverySample) {
  for (const auto& [name, graph] : samples::all()) {
    const onnx::ModelProto model = parse(write_onnx(graph));
    EXPECT_NO_THROW(onnx::checker::check_model(model)) << name;
  }
}

TEST(OnnxChecker, RefusesADamagedSample) {  // else the test above could not fail
  onnx::ModelProto model = parse(write_onnx(samples::every_op()));
  model.mutable_graph()->mutable_node(3)->set_input(0, "nowhere");
  EXPECT_THROW(onnx::checker::check_model(model), onnx::checker::ValidationError);
}

TEST(OnnxChecker, InfersTheShapesThatWeInfer) {
  for (const auto& [name, graph] : samples::all()) {
    onnx::ModelProto model = parse(write_onnx(graph));
    model.mutable_graph()->clear_value_info();
    for (auto& output : *model.mutable_graph()->mutable_output()) {
      output.mutable_type()->mutable_tensor_type()->clear_shape();
    }
    onnx::ShapeInferenceOptions strict;
    strict.check_type = true;
    strict.error_mode = 1;
    ASSERT_NO_THROW(onnx::shape_inference::InferShapes(model, onnx::OpSchemaRegistry::Instance(), strict)) << name;
    std::map<std::string, Shape> inferred;
    const auto take = [&](const auto& values) {
      for (const auto& value : values) {
        Shape shape;
        for (const auto& dim : value.type().tensor_type().shape().dim()) {
          // The batch stays open: the symbol N, or (after Resize, which drops symbols) unknown.
          const bool open = shape.empty() && !dim.has_dim_value();
          shape.push_back(open ? 1 : shape.empty() ? -1 : dim.dim_value());
        }
        inferred[value.name()] = shape;
      }
    };
    take(model.graph().value_info());
    take(model.graph().output());
    for (const Node& node : graph.nodes) {
      for (EdgeId id : node.outputs) {
        EXPECT_EQ(inferred[graph.edge(id).name], graph.edge(id).shape) << name << ": " << graph.edge(id).name;
      }
    }
  }
}

}  // namespace
}  // namespace quench::graph
