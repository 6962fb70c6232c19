#include "onnx/evaluate.h"

#include <algorithm>

#include "onnx/operator_call.h"

namespace quench::onnx {
namespace {

constexpr int64_t kMostElements = int64_t{1} << 25;

const Evaluation* evaluation(const quench_onnx::NodeProto& node) {
  if (!node.domain().empty() && node.domain() != "ai.onnx") return nullptr;
  for (const EvaluationTable* table : {&shape_operators(), &number_operators()}) {
    if (const auto found = table->find(node.op_type()); found != table->end()) return &found->second;
  }
  return nullptr;
}

}  // namespace

Tensor OperatorCall::result(DType dtype, const Shape& shape) const {
  require(std::ranges::all_of(shape, [](int64_t dim) { return dim >= 0 && dim <= kMostElements; }) &&
              element_count(shape) <= kMostElements,
          "a result that fits memory");
  return Tensor(dtype, shape);
}

Shape strides_of(const Shape& shape) {
  Shape strides(shape.size(), 1);
  for (size_t i = shape.size(); i-- > 1;) strides[i - 1] = strides[i] * shape[i];
  return strides;
}

Shape broadcast_shape(const OperatorCall& call, const Shape& a, const Shape& b) {
  Shape out(std::max(a.size(), b.size()));
  for (size_t i = 0; i < out.size(); ++i) {
    const int64_t of_a = i < out.size() - a.size() ? 1 : a[i - (out.size() - a.size())];
    const int64_t of_b = i < out.size() - b.size() ? 1 : b[i - (out.size() - b.size())];
    call.require(of_a == of_b || of_a == 1 || of_b == 1, "shapes that go together");
    out[i] = of_a == 1 ? of_b : of_a;
  }
  return out;
}

Shape broadcast_steps(const Shape& from, const Shape& to) {
  const Shape strides = strides_of(from);
  Shape steps(to.size(), 0);
  for (size_t i = 0; i < from.size(); ++i) {
    if (from[i] != 1) steps[to.size() - from.size() + i] = strides[i];
  }
  return steps;
}

bool can_evaluate(const quench_onnx::NodeProto& node) { return evaluation(node) != nullptr; }

std::vector<Tensor> evaluate(const quench_onnx::NodeProto& node, const std::vector<const Tensor*>& inputs,
                             int64_t opset) {
  const OperatorCall call{node, inputs, opset};
  const Evaluation* found = evaluation(node);
  call.require(found != nullptr, "an operator that is evaluated");
  return (*found)(call);
}

}  // namespace quench::onnx
