// Operators that move values and make shapes.
#include <algorithm>
#include <cstring>
#include <limits>

#include "onnx/constant.h"
#include "onnx/operator_call.h"

namespace quench::onnx {
namespace {

/// out[index] = in[base + index * steps].
Tensor rearranged(const OperatorCall& call, const Tensor& in, const Shape& shape, int64_t base, const Shape& steps) {
  Tensor out = call.result(in.dtype(), shape);
  const size_t each = size_of(in.dtype());
  std::byte* to = out.mutable_bytes();
  for_each_element(shape, base, steps, [&](int64_t o, int64_t i) {
    std::memcpy(to + static_cast<size_t>(o) * each, in.bytes() + static_cast<size_t>(i) * each, each);
  });
  return out;
}

Tensor whole(const std::vector<int64_t>& values) { return Tensor::from(values, {static_cast<int64_t>(values.size())}); }

std::vector<Tensor> reshaped(const OperatorCall& call, Shape shape) {
  const Tensor& in = call.input(0);
  call.require(std::ranges::all_of(shape, [](int64_t dim) { return dim >= 0; }) && element_count(shape) == in.size(),
               "a shape of as many elements");
  return {in.reshaped(std::move(shape))};
}

std::vector<Tensor> shape_of(const OperatorCall& call) {
  const Shape& shape = call.input(0).shape();
  const auto rank = static_cast<int64_t>(shape.size());
  const auto clamped = [&](int64_t value) { return std::clamp<int64_t>(value < 0 ? value + rank : value, 0, rank); };
  const int64_t begin = clamped(call.attributes.integer("start", 0));
  const int64_t end = std::max(begin, clamped(call.attributes.integer("end", rank)));
  return {whole(std::vector<int64_t>(shape.begin() + begin, shape.begin() + end))};
}

std::vector<Tensor> reshape(const OperatorCall& call) {
  const Shape& from = call.input(0).shape();
  Shape to = call.integers(1);
  const bool copies = call.attributes.integer("allowzero", 0) == 0;
  int64_t known = 1, open = -1;
  for (size_t i = 0; i < to.size(); ++i) {
    if (to[i] == 0 && copies) {
      call.require(i < from.size(), "a shape of as many elements");
      to[i] = from[i];
    }
    if (to[i] == -1) {
      call.require(open < 0, "one open dimension");
      open = static_cast<int64_t>(i);
    } else {
      call.require(to[i] >= 0 && !__builtin_mul_overflow(known, to[i], &known), "a shape of as many elements");
    }
  }
  if (open >= 0) {
    call.require(known > 0 && call.input(0).size() % known == 0, "a shape of as many elements");
    to[static_cast<size_t>(open)] = call.input(0).size() / known;
  }
  return reshaped(call, std::move(to));
}

std::vector<Tensor> flatten(const OperatorCall& call) {
  const Shape& shape = call.input(0).shape();
  const auto rank = static_cast<int64_t>(shape.size());
  int64_t axis = call.attributes.integer("axis", 1);
  if (axis < 0) axis += rank;
  call.require(axis >= 0 && axis <= rank, "an axis of the input");
  const auto middle = shape.begin() + axis;
  return reshaped(call, {element_count(Shape(shape.begin(), middle)), element_count(Shape(middle, shape.end()))});
}

std::vector<Tensor> unsqueeze(const OperatorCall& call) {
  std::vector<int64_t> axes = call.integers(1, "axes").value_or(std::vector<int64_t>());
  const size_t rank = call.input(0).shape().size() + axes.size();
  std::vector<bool> is_new(rank, false);
  for (const int64_t axis : axes) is_new[call.axis(axis, rank)] = true;
  call.require(std::ranges::count(is_new, true) == static_cast<int64_t>(axes.size()), "different axes");
  Shape shape;
  size_t next = 0;
  for (size_t i = 0; i < rank; ++i) shape.push_back(is_new[i] ? 1 : call.input(0).shape()[next++]);
  return reshaped(call, std::move(shape));
}

std::vector<Tensor> squeeze(const OperatorCall& call) {
  const Shape& from = call.input(0).shape();
  const auto axes = call.integers(1, "axes");
  std::vector<bool> gone(from.size(), false);
  for (size_t i = 0; i < from.size() && !axes; ++i) gone[i] = from[i] == 1;
  for (const int64_t axis : axes.value_or(std::vector<int64_t>())) gone[call.axis(axis, from.size())] = true;
  Shape shape;
  for (size_t i = 0; i < from.size(); ++i) {
    if (!gone[i]) shape.push_back(from[i]);
  }
  return reshaped(call, std::move(shape));
}

std::vector<Tensor> gather(const OperatorCall& call) {
  const Tensor &data = call.input(0), &indices = call.input(1);
  const size_t axis = call.axis(call.attributes.integer("axis", 0), data.shape().size());
  const std::vector<int64_t> chosen = call.integers(1);
  const int64_t length = data.shape()[axis];
  Shape shape(data.shape().begin(), data.shape().begin() + static_cast<std::ptrdiff_t>(axis));
  const int64_t outer = element_count(shape);
  shape.insert(shape.end(), indices.shape().begin(), indices.shape().end());
  const Shape rest(data.shape().begin() + static_cast<std::ptrdiff_t>(axis) + 1, data.shape().end());
  shape.insert(shape.end(), rest.begin(), rest.end());
  Tensor out = call.result(data.dtype(), shape);
  const size_t block = static_cast<size_t>(element_count(rest)) * size_of(data.dtype());
  std::byte* to = out.mutable_bytes();
  for (int64_t o = 0; o < outer; ++o) {
    for (const int64_t index : chosen) {
      const int64_t at = index < 0 ? index + length : index;
      call.require(at >= 0 && at < length, "indices within the input");
      if (block > 0) std::memcpy(to, data.bytes() + static_cast<size_t>(o * length + at) * block, block);
      to += block;
    }
  }
  return {std::move(out)};
}

std::vector<Tensor> concat(const OperatorCall& call) {
  const Tensor& first = call.input(0);
  const size_t axis = call.axis(call.attributes.integer("axis", 0), first.shape().size());
  Shape shape = first.shape();
  shape[axis] = 0;
  for (size_t i = 0; i < call.inputs.size(); ++i) {
    const Tensor& part = call.input(i);
    call.require(part.dtype() == first.dtype() && part.shape().size() == shape.size(), "parts of one kind");
    for (size_t d = 0; d < shape.size(); ++d) {
      call.require(d == axis || part.shape()[d] == shape[d], "parts that differ along one axis");
    }
    shape[axis] += part.shape()[axis];
  }
  Tensor out = call.result(first.dtype(), shape);
  const int64_t outer = element_count(Shape(shape.begin(), shape.begin() + static_cast<std::ptrdiff_t>(axis)));
  std::byte* to = out.mutable_bytes();
  for (int64_t o = 0; o < outer; ++o) {
    for (const Tensor* part : call.inputs) {
      const size_t block = part->size_bytes() / static_cast<size_t>(outer);  // the loop runs, so it is not 0
      if (block > 0) std::memcpy(to, part->bytes() + static_cast<size_t>(o) * block, block);
      to += block;
    }
  }
  return {std::move(out)};
}

std::vector<Tensor> transpose(const OperatorCall& call) {
  const Tensor& in = call.input(0);
  const size_t rank = in.shape().size();
  std::vector<int64_t> order = call.attributes.integers("perm").value_or(std::vector<int64_t>());
  if (order.empty()) {
    for (size_t i = rank; i-- > 0;) order.push_back(static_cast<int64_t>(i));
  }
  call.require(order.size() == rank, "an order of all axes");
  const Shape strides = strides_of(in.shape());
  Shape shape, steps;
  for (const int64_t axis : order) {
    shape.push_back(in.shape()[call.axis(axis, rank)]);
    steps.push_back(strides[call.axis(axis, rank)]);
  }
  call.require(element_count(shape) == in.size(), "an order of all axes");
  return {rearranged(call, in, shape, 0, steps)};
}

std::vector<Tensor> slice(const OperatorCall& call) {
  const Tensor& in = call.input(0);
  const auto begins = call.integers(1, "starts"), ends = call.integers(2, "ends"), axes = call.integers(3, "axes");
  call.require(begins && ends && begins->size() == ends->size() && (!axes || axes->size() == begins->size()),
               "as many ends as starts");
  const std::vector<int64_t> by = call.has(4) ? call.integers(4) : std::vector<int64_t>(begins->size(), 1);
  call.require(by.size() == begins->size(), "as many steps as starts");
  Shape shape = in.shape(), steps = strides_of(shape);
  int64_t base = 0;
  for (size_t k = 0; k < begins->size(); ++k) {
    const size_t axis = call.axis(axes ? (*axes)[k] : static_cast<int64_t>(k), shape.size());
    const int64_t length = in.shape()[axis], step = by[k];
    call.require(step != 0 && std::abs(step) <= std::numeric_limits<int32_t>::max() && shape[axis] == length,
                 "a step and an axis each");
    const auto place = [&](int64_t value) {
      const int64_t low = step > 0 ? 0 : -1, high = step > 0 ? length : length - 1;
      return std::clamp(value < 0 ? value + length : value, low, high);
    };
    const int64_t begin = place((*begins)[k]);
    const int64_t end = step < 0 && (*ends)[k] < -length ? -1 : place((*ends)[k]);
    const int64_t count = step > 0 ? (end - begin + step - 1) / step : (begin - end - step - 1) / -step;
    shape[axis] = std::max<int64_t>(0, count);
    base += shape[axis] > 0 ? begin * steps[axis] : 0;
    steps[axis] *= step;
  }
  return {rearranged(call, in, shape, base, steps)};
}

std::vector<Tensor> split(const OperatorCall& call) {
  const Tensor& in = call.input(0);
  const size_t axis = call.axis(call.attributes.integer("axis", 0), in.shape().size());
  const int64_t length = in.shape()[axis], count = call.node.output_size();
  call.require(count > 0, "an output");
  std::vector<int64_t> sizes = call.integers(1, "split").value_or(std::vector<int64_t>());
  if (sizes.empty()) {
    const int64_t each = (length + count - 1) / count;
    for (int64_t i = 0; i < count; ++i) sizes.push_back(std::clamp<int64_t>(length - i * each, 0, each));
  }
  call.require(static_cast<int64_t>(sizes.size()) == count, "as many sizes as outputs");
  const Shape steps = strides_of(in.shape());
  std::vector<Tensor> out;
  int64_t begin = 0;
  for (const int64_t size : sizes) {
    call.require(size >= 0 && size <= length - begin, "sizes that sum to the input's");
    Shape shape = in.shape();
    shape[axis] = size;
    out.push_back(rearranged(call, in, shape, begin * steps[axis], steps));
    begin += size;
  }
  return out;
}

std::vector<Tensor> expand(const OperatorCall& call) {
  const Tensor& in = call.input(0);
  const Shape shape = broadcast_shape(call, in.shape(), call.integers(1));
  return {rearranged(call, in, shape, 0, broadcast_steps(in.shape(), shape))};
}

std::vector<Tensor> tile(const OperatorCall& call) {
  const Tensor& in = call.input(0);
  const std::vector<int64_t> repeats = call.integers(1);
  call.require(repeats.size() == in.shape().size(), "repeats of every axis");
  // [a,b] repeated [p,q] times is [p,a,q,b] with steps of 0 along p and q.
  const Shape strides = strides_of(in.shape());
  Shape shape, inner, steps;
  for (size_t i = 0; i < repeats.size(); ++i) {
    call.require(repeats[i] >= 0 && repeats[i] <= std::numeric_limits<int32_t>::max(), "repeats");
    inner.insert(inner.end(), {repeats[i], in.shape()[i]});
    steps.insert(steps.end(), {0, strides[i]});
    shape.push_back(repeats[i] * in.shape()[i]);
  }
  return {rearranged(call, in, inner, 0, steps).reshaped(shape)};
}

std::vector<Tensor> constant(const OperatorCall& call) {
  const Attributes& attributes = call.attributes;
  if (const auto* value = attributes.tensor("value")) return {read_constant(*value, {})};
  if (attributes.has("value_int")) return {Tensor::from(std::vector<int64_t>{attributes.integer("value_int", 0)}, {})};
  if (attributes.has("value_float")) return {Tensor::from(std::vector<float>{attributes.real("value_float", 0)}, {})};
  if (const auto values = attributes.integers("value_ints")) return {whole(*values)};
  call.require(attributes.has("value_floats"), "a constant of numbers");
  const std::vector<float> values = attributes.reals("value_floats");
  return {Tensor::from(values, {static_cast<int64_t>(values.size())})};
}

std::vector<Tensor> constant_of_shape(const OperatorCall& call) {
  const auto* given = call.attributes.tensor("value");
  const Tensor value = given ? read_constant(*given, {}) : Tensor(DType::f32, {1});
  call.require(value.size() == 1, "one value");
  const Shape shape = call.integers(0);
  return {rearranged(call, value, shape, 0, Shape(shape.size(), 0))};
}

}  // namespace

const EvaluationTable& shape_operators() {
  static const EvaluationTable all{
      {"Shape", shape_of},
      {"Size",
       [](const OperatorCall& call) {
         return std::vector<Tensor>{Tensor::from(std::vector<int64_t>{call.input(0).size()}, {})};
       }},
      {"Reshape", reshape},
      {"Flatten", flatten},
      {"Unsqueeze", unsqueeze},
      {"Squeeze", squeeze},
      {"Gather", gather},
      {"Concat", concat},
      {"Transpose", transpose},
      {"Slice", slice},
      {"Split", split},
      {"Expand", expand},
      {"Tile", tile},
      {"Constant", constant},
      {"ConstantOfShape", constant_of_shape},
      {"Identity", [](const OperatorCall& call) { return std::vector<Tensor>{call.input(0)}; }},
      {"Dropout", [](const OperatorCall& call) { return std::vector<Tensor>{call.input(0)}; }},
  };
  return all;
}

}  // namespace quench::onnx
