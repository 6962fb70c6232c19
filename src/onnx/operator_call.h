#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/tensor.h"
#include "onnx/attributes.h"

namespace quench::onnx {

/// One operator with its inputs, on its way to its values.
struct OperatorCall {
  const quench_onnx::NodeProto& node;
  const std::vector<const Tensor*>& inputs;  ///< null: left out
  int64_t opset;
  Attributes attributes{node};

  /// Throws Error{data} unless it holds.
  void require(bool holds, std::string_view expected) const {
    if (holds) return;
    fail(ErrorKind::data, "[onnx] expected {}, got another {} (node {})", expected, node.op_type(), node.name());
  }
  bool has(size_t i) const { return i < inputs.size() && inputs[i] != nullptr; }
  const Tensor& input(size_t i) const {
    require(has(i), "more inputs");
    return *inputs[i];
  }
  /// Whole numbers of input i.
  std::vector<int64_t> integers(size_t i) const {
    require(input(i).dtype() == DType::i64, "whole numbers");
    const auto values = input(i).values<int64_t>();
    return {values.begin(), values.end()};
  }
  /// Numbers that newer opsets take as input i and older ones as an attribute; none where neither is there.
  std::optional<std::vector<int64_t>> integers(size_t i, std::string_view attribute) const {
    if (has(i)) return integers(i);
    return attributes.integers(attribute);
  }
  /// An axis in [0,rank).
  size_t axis(int64_t value, size_t rank) const {
    const int64_t counted = value < 0 ? value + static_cast<int64_t>(rank) : value;
    require(counted >= 0 && counted < static_cast<int64_t>(rank), "an axis of the input");
    return static_cast<size_t>(counted);
  }
  /// A result of that shape. Throws Error{data} where it is too large.
  Tensor result(DType dtype, const Shape& shape) const;
};

using Evaluation = std::function<std::vector<Tensor>(const OperatorCall&)>;
using EvaluationTable = std::map<std::string_view, Evaluation>;

/// Operators that move values and make shapes.
const EvaluationTable& shape_operators();
/// Operators that compute.
const EvaluationTable& number_operators();

/// Distances between neighbours of each axis, in elements.
Shape strides_of(const Shape& shape);

/// Calls visit(output element, input element) for every element of `shape`, where the input element is `base` plus the
/// index times `steps`.
template <typename Visit>
void for_each_element(const Shape& shape, int64_t base, const Shape& steps, const Visit& visit) {
  Shape index(shape.size(), 0);
  int64_t at = base;
  const int64_t count = element_count(shape);
  for (int64_t out = 0; out < count; ++out) {
    visit(out, at);
    for (size_t i = shape.size(); i-- > 0;) {
      at += steps[i];
      if (++index[i] < shape[i]) break;
      at -= steps[i] * shape[i];
      index[i] = 0;
    }
  }
}

/// The shape of two that are broadcast together. Throws Error{data}.
Shape broadcast_shape(const OperatorCall& call, const Shape& a, const Shape& b);
/// Steps through a tensor of shape `from` as one of shape `to`.
Shape broadcast_steps(const Shape& from, const Shape& to);

}  // namespace quench::onnx
