// Operators on known values: closed forms, and ONNX's rules where they are easily got wrong.
#include <gtest/gtest.h>

#include <cmath>

#include "error_testing.h"
#include "onnx/evaluate.h"
#include "onnx_files.h"

namespace quench::onnx {
namespace {

using samples::File;
using samples::set_attribute;
using Whole = std::vector<int64_t>;
using Floats = std::vector<float>;

Tensor whole(const Whole& values) { return Tensor::from(values, {static_cast<int64_t>(values.size())}); }
Tensor counted(const Shape& shape) {
  Tensor out(DType::f32, shape);
  float next = 0;
  for (float& value : out.mutable_values<float>()) value = next++;
  return out;
}

struct Call {
  explicit Call(const std::string& op, int outputs = 1) {
    node.set_op_type(op);
    node.set_name("n");
    for (int i = 0; i < outputs; ++i) node.add_output("y" + std::to_string(i));
  }
  template <typename T>
  Call& with(const char* name, const T& value) {
    set_attribute(node, name, value);
    return *this;
  }
  std::vector<Tensor> all(const std::vector<Tensor>& inputs, int64_t opset = 13) const {
    std::vector<const Tensor*> given;
    for (const Tensor& input : inputs) given.push_back(&input);
    return evaluate(node, given, opset);
  }
  Tensor operator()(const std::vector<Tensor>& inputs, int64_t opset = 13) const { return all(inputs, opset).at(0); }

  quench_onnx::NodeProto node;
};

Whole integers(const Tensor& tensor) { return {tensor.values<int64_t>().begin(), tensor.values<int64_t>().end()}; }
Floats floats(const Tensor& tensor) { return {tensor.values<float>().begin(), tensor.values<float>().end()}; }

TEST(Evaluate, ShapesAsExportersComputeThem) {
  const Tensor x = counted({2, 3, 4});
  EXPECT_EQ(integers(Call("Shape")({x})), (Whole{2, 3, 4}));
  EXPECT_EQ(integers(Call("Shape").with("start", int64_t{-2})({x})), (Whole{3, 4}));
  EXPECT_EQ(integers(Call("Gather").with("axis", int64_t{0})({whole({5, 6, 7}), whole({-1, 0})})), (Whole{7, 5}));
  const Tensor scalar = Tensor::from(Whole{1}, {});
  EXPECT_EQ(Call("Gather")({whole({5, 6, 7}), scalar}).shape(), Shape{}) << "a number takes the axis away";
  EXPECT_EQ(Call("Gather").with("axis", int64_t{1})({x, whole({2})}).shape(), (Shape{2, 1, 4}));
  EXPECT_EQ(Call("Unsqueeze").with("axes", Whole{0})({scalar}, 11).shape(), (Shape{1}));
  EXPECT_EQ(Call("Unsqueeze")({x, whole({0, -1})}).shape(), (Shape{1, 2, 3, 4, 1}));
  EXPECT_EQ(Call("Squeeze")({counted({1, 3, 1})}).shape(), (Shape{3}));
  EXPECT_EQ(integers(Call("Concat").with("axis", int64_t{0})({whole({1}), whole({2, 3})})), (Whole{1, 2, 3}));
  EXPECT_EQ(Call("Reshape")({x, whole({0, -1})}).shape(), (Shape{2, 12}));
  EXPECT_EQ(integers(Call("Div")({whole({7, -7}), whole({2, 2})})), (Whole{3, -3})) << "towards 0";
  EXPECT_EQ(integers(Call("Cast").with("to", int64_t{7})({Tensor::from(Floats{2.9f, -2.9f}, {2})})), (Whole{2, -2}));
  EXPECT_EQ(
      integers(Call("Range")({Tensor::from(Whole{5}, {}), Tensor::from(Whole{0}, {}), Tensor::from(Whole{-2}, {})})),
      (Whole{5, 3, 1}));
  EXPECT_EQ(integers(Call("Where")({whole({1, 0}), whole({8, 8}), whole({9, 9})})), (Whole{8, 9}));
}

TEST(Evaluate, SliceCountsFromEitherEnd) {
  const Tensor x = counted({2, 5});
  const auto slice = [&](int64_t begin, int64_t end, int64_t step) {
    return floats(Call("Slice")({x, whole({begin}), whole({end}), whole({1}), whole({step})}));
  };
  EXPECT_EQ(slice(1, 3, 1), (Floats{1, 2, 6, 7}));
  EXPECT_EQ(slice(-2, INT64_MAX, 1), (Floats{3, 4, 8, 9}));
  EXPECT_EQ(slice(0, 5, 2), (Floats{0, 2, 4, 5, 7, 9}));
  EXPECT_EQ(slice(-1, INT64_MIN, -1), (Floats{4, 3, 2, 1, 0, 9, 8, 7, 6, 5}));
  EXPECT_EQ(slice(3, 1, 1), Floats{});
}

TEST(Evaluate, ValuesAreMovedAndBroadcast) {
  EXPECT_EQ(floats(Call("Transpose").with("perm", Whole{1, 0})({counted({2, 3})})), (Floats{0, 3, 1, 4, 2, 5}));
  const auto parts = Call("Split", 2).with("axis", int64_t{1}).all({counted({2, 3}), whole({1, 2})});
  EXPECT_EQ(floats(parts[0]), (Floats{0, 3}));
  EXPECT_EQ(floats(parts[1]), (Floats{1, 2, 4, 5}));
  const auto uneven = Call("Split", 2).all({counted({3})}, 18);
  EXPECT_EQ(uneven[0].size(), 2) << "the last part is the smaller";
  EXPECT_EQ(floats(Call("Expand")({counted({2, 1}), whole({2, 2})})), (Floats{0, 0, 1, 1}));
  EXPECT_EQ(floats(Call("Tile")({counted({1, 2}), whole({2, 2})})), (Floats{0, 1, 0, 1, 0, 1, 0, 1}));
  EXPECT_EQ(floats(Call("Add")({counted({2, 1}), counted({3})})), (Floats{0, 1, 2, 1, 2, 3}));
  EXPECT_EQ(floats(Call("ReduceSum").with("keepdims", int64_t{0})({counted({2, 3}), whole({1})})), (Floats{3, 12}));
  EXPECT_EQ(floats(Call("ReduceMean").with("axes", Whole{0})({counted({2, 2})})), (Floats{1, 2}));
}

TEST(Evaluate, SoftmaxFollowsItsOpset) {
  const Tensor x = Tensor::from(Floats{0, std::log(3.0f), 0, 0}, {1, 2, 2});
  const Tensor last = Call("Softmax").with("axis", int64_t{1})({x}, 13);
  EXPECT_NEAR(last.values<float>()[1], 0.75, 1e-6) << "over axis 1 alone: 3 beside 1";
  const Tensor flat = Call("Softmax").with("axis", int64_t{1})({x}, 11);
  EXPECT_NEAR(flat.values<float>()[1], 0.5, 1e-6) << "over all from axis 1 on: 3 beside three of 1";
}

TEST(Evaluate, AnExpectationIsAConvolutionOfOnePixel) {
  const Tensor weight = Tensor::from(Floats{0, 1, 2}, {1, 3, 1, 1});
  EXPECT_EQ(floats(Call("Conv")({counted({1, 3, 1, 2}), weight})), (Floats{10, 13}));
}

TEST(Evaluate, WhatDoesNotGoTogetherIsAnError) {
  const std::pair<Call, std::vector<Tensor>> bad[] = {
      {Call("Reshape"), {counted({4}), whole({3})}},
      {Call("Reshape"), {counted({4}), whole({-1, -1})}},
      {Call("Gather"), {whole({1}), whole({1})}},
      {Call("Add"), {counted({2}), counted({3})}},
      {Call("Add"), {counted({2}), whole({3})}},
      {Call("Add"), {counted({2})}},
      {Call("Slice"), {counted({2}), whole({0}), whole({1}), whole({7})}},
      {Call("Slice"), {counted({2}), whole({0}), whole({1}), whole({0}), whole({0})}},
      {Call("Transpose").with("perm", Whole{0, 0}), {counted({2, 3})}},
      {Call("Split", 2), {counted({3}), whole({1, 3})}},
      {Call("Expand"), {counted({1}), whole({int64_t{1} << 40})}},
      {Call("ConstantOfShape"), {whole({int64_t{1} << 20, int64_t{1} << 20})}},
      {Call("Range"), {Tensor::from(Whole{0}, {}), Tensor::from(Whole{9}, {}), Tensor::from(Whole{0}, {})}},
      {Call("Tile"), {counted({2}), whole({-1})}},
      {Call("Conv"), {counted({1, 3, 4, 4}), counted({1, 3, 3, 3})}},
      {Call("NonMaxSuppression"), {counted({1})}},
      {Call("Constant"), {}},
      {Call("Concat").with("axis", int64_t{3}), {counted({2})}},
  };
  for (const auto& [call, inputs] : bad) {
    EXPECT_EQ(error_of([&] { call(inputs); }).first, ErrorKind::data) << call.node.op_type();
  }
}

}  // namespace
}  // namespace quench::onnx
