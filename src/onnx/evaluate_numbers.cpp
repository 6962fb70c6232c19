// Operators that compute.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "onnx/operator_call.h"

namespace quench::onnx {
namespace {

template <typename T, typename To, typename Function>
Tensor combined(const OperatorCall& call, const Tensor& a, const Tensor& b, const Function& function) {
  const Shape shape = broadcast_shape(call, a.shape(), b.shape());
  Tensor out = call.result(DTypeOf<To>::value, shape);
  const auto to = out.mutable_values<To>();
  const auto of_a = a.values<T>(), of_b = b.values<T>();
  std::vector<T> left(to.size());
  for_each_element(shape, 0, broadcast_steps(a.shape(), shape), [&](int64_t o, int64_t i) { left[o] = of_a[i]; });
  for_each_element(shape, 0, broadcast_steps(b.shape(), shape),
                   [&](int64_t o, int64_t i) { to[o] = static_cast<To>(function(left[o], of_b[i])); });
  return out;
}

/// Of two floats or two whole numbers, another of the same.
template <typename Function>
Evaluation binary(Function function) {
  return [function](const OperatorCall& call) {
    const Tensor &a = call.input(0), &b = call.input(1);
    call.require(a.dtype() == b.dtype() && call.inputs.size() == 2, "two inputs of one type");
    return std::vector<Tensor>{a.dtype() == DType::f32 ? combined<float, float>(call, a, b, function)
                                                       : combined<int64_t, int64_t>(call, a, b, function)};
  };
}

/// Of two floats or two whole numbers, a truth value.
template <typename Function>
Evaluation comparison(Function function) {
  return [function](const OperatorCall& call) {
    const Tensor &a = call.input(0), &b = call.input(1);
    call.require(a.dtype() == b.dtype() && call.inputs.size() == 2, "two inputs of one type");
    return std::vector<Tensor>{a.dtype() == DType::f32 ? combined<float, int64_t>(call, a, b, function)
                                                       : combined<int64_t, int64_t>(call, a, b, function)};
  };
}

/// Of each float another.
template <typename Function>
Evaluation unary(Function function) {
  return [function](const OperatorCall& call) {
    const Tensor& in = call.input(0);
    call.require(in.dtype() == DType::f32, "floats");
    Tensor out = call.result(DType::f32, in.shape());
    std::ranges::transform(in.values<float>(), out.mutable_values<float>().begin(), function);
    return std::vector<Tensor>{std::move(out)};
  };
}

// Whole numbers wrap where they overflow, as other programs' do; a division by zero gives 0.
int64_t wrapped(uint64_t value) { return static_cast<int64_t>(value); }
struct Plus {
  float operator()(float a, float b) const { return a + b; }
  int64_t operator()(int64_t a, int64_t b) const {
    return wrapped(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
  }
};
struct Minus {
  float operator()(float a, float b) const { return a - b; }
  int64_t operator()(int64_t a, int64_t b) const {
    return wrapped(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
  }
};
struct Times {
  float operator()(float a, float b) const { return a * b; }
  int64_t operator()(int64_t a, int64_t b) const {
    return wrapped(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
  }
};
struct Over {
  float operator()(float a, float b) const { return a / b; }
  int64_t operator()(int64_t a, int64_t b) const {
    if (b == 0) return 0;
    return b == -1 ? wrapped(-static_cast<uint64_t>(a)) : a / b;
  }
};
struct Larger {
  template <typename T>
  T operator()(T a, T b) const {
    return std::max(a, b);
  }
};
struct Smaller {
  template <typename T>
  T operator()(T a, T b) const {
    return std::min(a, b);
  }
};

std::vector<Tensor> power(const OperatorCall& call) {
  const Tensor& base = call.input(0);
  Tensor exponent = call.input(1);
  call.require(base.dtype() == DType::f32, "a float base");
  if (exponent.dtype() == DType::i64) {
    Tensor floats(DType::f32, exponent.shape());
    std::ranges::copy(exponent.values<int64_t>(), floats.mutable_values<float>().begin());
    exponent = floats;
  }
  return {combined<float, float>(call, base, exponent, [](float a, float b) { return std::pow(a, b); })};
}

std::vector<Tensor> negative(const OperatorCall& call) {
  const Tensor& in = call.input(0);
  if (in.dtype() == DType::f32) return unary([](float x) { return -x; })(call);
  Tensor out = call.result(DType::i64, in.shape());
  std::ranges::transform(in.values<int64_t>(), out.mutable_values<int64_t>().begin(),
                         [](int64_t x) { return wrapped(-static_cast<uint64_t>(x)); });
  return {std::move(out)};
}

std::vector<Tensor> invert(const OperatorCall& call) {
  std::vector<int64_t> values = call.integers(0);
  for (int64_t& value : values) value = value == 0;
  return {Tensor::from(values, call.input(0).shape())};
}

std::vector<Tensor> choose(const OperatorCall& call) {
  const Tensor &condition = call.input(0), &a = call.input(1), &b = call.input(2);
  call.require(a.dtype() == b.dtype() && condition.dtype() == DType::i64, "a condition and two inputs of one type");
  const Shape shape = broadcast_shape(call, condition.shape(), broadcast_shape(call, a.shape(), b.shape()));
  std::vector<char> holds(static_cast<size_t>(call.result(DType::u8, shape).size()));
  const auto given = condition.values<int64_t>();
  for_each_element(shape, 0, broadcast_steps(condition.shape(), shape),
                   [&](int64_t o, int64_t i) { holds[o] = given[i] != 0; });
  const auto pick = [&]<typename T>(T) {
    Tensor out = call.result(DTypeOf<T>::value, shape);
    const auto to = out.mutable_values<T>();
    const auto of_a = a.values<T>(), of_b = b.values<T>();
    for_each_element(shape, 0, broadcast_steps(a.shape(), shape), [&](int64_t o, int64_t i) { to[o] = of_a[i]; });
    for_each_element(shape, 0, broadcast_steps(b.shape(), shape), [&](int64_t o, int64_t i) {
      if (!holds[o]) to[o] = of_b[i];
    });
    return out;
  };
  return {a.dtype() == DType::f32 ? pick(float{}) : pick(int64_t{})};
}

int64_t truncated(float value) {
  constexpr float kLimit = 9.2e18f;
  return std::isnan(value) ? 0 : static_cast<int64_t>(std::clamp(value, -kLimit, kLimit));
}

std::vector<Tensor> cast(const OperatorCall& call) {
  using quench_onnx::TensorProto;
  const Tensor& in = call.input(0);
  const int64_t to = call.attributes.integer("to", 0);
  call.require(to != TensorProto::STRING && to != TensorProto::COMPLEX64 && to != TensorProto::COMPLEX128, "numbers");
  const bool to_float = to == TensorProto::FLOAT || to == TensorProto::DOUBLE || to == TensorProto::FLOAT16 ||
                        to == TensorProto::BFLOAT16;
  if (to_float) {
    if (in.dtype() == DType::f32) return {in};
    Tensor out = call.result(DType::f32, in.shape());
    std::ranges::copy(in.values<int64_t>(), out.mutable_values<float>().begin());
    return {std::move(out)};
  }
  Tensor out = call.result(DType::i64, in.shape());
  const auto values = out.mutable_values<int64_t>();
  if (in.dtype() == DType::f32) {
    const auto from = in.values<float>();
    const bool truth = to == TensorProto::BOOL;
    for (size_t i = 0; i < values.size(); ++i) values[i] = truth ? from[i] != 0 : truncated(from[i]);
  } else {
    std::ranges::copy(in.values<int64_t>(), values.begin());
    if (to == TensorProto::BOOL) std::ranges::transform(values, values.begin(), [](int64_t x) { return x != 0; });
  }
  return {std::move(out)};
}

std::vector<Tensor> range(const OperatorCall& call) {
  const Tensor &begin = call.input(0), &end = call.input(1), &step = call.input(2);
  call.require(begin.size() == 1 && end.size() == 1 && step.size() == 1 && begin.dtype() == end.dtype() &&
                   begin.dtype() == step.dtype(),
               "three numbers of one type");
  const auto steps = [&]<typename T>(T) {
    const T first = begin.values<T>()[0], by = step.values<T>()[0];
    const double wanted =
        std::ceil((static_cast<double>(end.values<T>()[0]) - static_cast<double>(first)) / static_cast<double>(by));
    call.require(by != 0 && wanted < 1e9, "a range that fits memory");
    Tensor out = call.result(DTypeOf<T>::value, {std::max<int64_t>(0, static_cast<int64_t>(wanted))});
    const auto values = out.mutable_values<T>();
    for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<T>(first + static_cast<T>(i) * by);
    return out;
  };
  return {begin.dtype() == DType::f32 ? steps(float{}) : steps(int64_t{})};
}

/// Softmax over the rows of [outer, length, inner] along the middle.
std::vector<Tensor> softmax(const OperatorCall& call) {
  const Tensor& in = call.input(0);
  call.require(in.dtype() == DType::f32 && !in.shape().empty(), "floats");
  const Shape& shape = in.shape();
  const bool flattens = call.opset < 13;  // everything from the axis on is one row
  const size_t axis = call.axis(call.attributes.integer("axis", flattens ? 1 : -1), shape.size());
  const auto middle = shape.begin() + static_cast<std::ptrdiff_t>(axis);
  const int64_t outer = element_count(Shape(shape.begin(), middle));
  const int64_t length = flattens ? element_count(Shape(middle, shape.end())) : shape[axis];
  const int64_t inner = flattens ? 1 : element_count(Shape(middle + 1, shape.end()));
  Tensor out = call.result(DType::f32, shape);
  const auto from = in.values<float>();
  const auto to = out.mutable_values<float>();
  for (int64_t o = 0; o < outer; ++o) {
    for (int64_t k = 0; k < inner; ++k) {
      const auto at = [&](int64_t i) { return static_cast<size_t>((o * length + i) * inner + k); };
      float most = -std::numeric_limits<float>::infinity(), sum = 0;
      for (int64_t i = 0; i < length; ++i) most = std::max(most, from[at(i)]);
      for (int64_t i = 0; i < length; ++i) sum += to[at(i)] = std::exp(from[at(i)] - most);
      for (int64_t i = 0; i < length; ++i) to[at(i)] /= sum;
    }
  }
  return {std::move(out)};
}

template <typename Function>
Evaluation reduction(Function function, bool divides = false) {
  return [function, divides](const OperatorCall& call) {
    const Tensor& in = call.input(0);
    const auto axes = call.integers(1, "axes");
    const Shape& from = in.shape();
    std::vector<bool> gone(from.size(), !axes || axes->empty());
    for (const int64_t axis : axes.value_or(std::vector<int64_t>())) gone[call.axis(axis, from.size())] = true;
    Shape kept, shape;
    for (size_t i = 0; i < from.size(); ++i) {
      kept.push_back(gone[i] ? 1 : from[i]);
      if (!gone[i] || call.attributes.integer("keepdims", 1) != 0) shape.push_back(kept.back());
    }
    const auto reduce = [&]<typename T>(T) {
      Tensor out = call.result(DTypeOf<T>::value, kept);
      const auto to = out.mutable_values<T>();
      const auto values = in.values<T>();
      std::vector<int64_t> met(to.size(), 0);
      for_each_element(from, 0, broadcast_steps(kept, from),
                       [&](int64_t i, int64_t o) { to[o] = met[o]++ == 0 ? values[i] : function(to[o], values[i]); });
      for (size_t i = 0; i < to.size() && divides; ++i) to[i] /= static_cast<T>(std::max<int64_t>(1, met[i]));
      return out.reshaped(shape);
    };
    return std::vector<Tensor>{in.dtype() == DType::f32 ? reduce(float{}) : reduce(int64_t{})};
  };
}

/// a [..., M, K] times b [K, N].
std::vector<Tensor> matrix_product(const OperatorCall& call) {
  const Tensor &a = call.input(0), &b = call.input(1);
  call.require(a.dtype() == DType::f32 && b.dtype() == DType::f32 && a.shape().size() >= 2 && b.shape().size() == 2 &&
                   a.shape().back() == b.shape()[0],
               "matrices that go together");
  const int64_t inner = b.shape()[0], columns = b.shape()[1];
  Shape shape = a.shape();
  shape.back() = columns;
  Tensor out = call.result(DType::f32, shape);
  const auto left = a.values<float>(), right = b.values<float>();
  const auto to = out.mutable_values<float>();
  const int64_t rows = inner == 0 ? 0 : a.size() / inner;
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t k = 0; k < inner; ++k) {
      for (int64_t column = 0; column < columns; ++column) {
        to[row * columns + column] += left[row * inner + k] * right[k * columns + column];
      }
    }
  }
  return {std::move(out)};
}

/// A convolution of one pixel, as box decoders take their expectation.
std::vector<Tensor> pixel_convolution(const OperatorCall& call) {
  const Tensor &in = call.input(0), &weight = call.input(1);
  call.require(in.dtype() == DType::f32 && weight.dtype() == DType::f32 && in.shape().size() >= 3 &&
                   weight.shape().size() == in.shape().size() && weight.shape()[1] == in.shape()[1] &&
                   weight.size() == weight.shape()[0] * weight.shape()[1],
               "a convolution of one pixel");
  for (const char* name : {"pads", "strides", "dilations"}) {
    const int64_t plain = std::string_view(name) == "pads" ? 0 : 1;
    for (const int64_t value : call.attributes.integers(name).value_or(std::vector<int64_t>())) {
      call.require(value == plain, "a convolution of one pixel");
    }
  }
  const int64_t channels = in.shape()[1], outputs = weight.shape()[0];
  const int64_t pixels = element_count(Shape(in.shape().begin() + 2, in.shape().end()));
  Shape shape = in.shape();
  shape[1] = outputs;
  Tensor out = call.result(DType::f32, shape);
  const auto from = in.values<float>(), w = weight.values<float>();
  const auto to = out.mutable_values<float>();
  if (call.has(2)) call.require(call.input(2).dtype() == DType::f32 && call.input(2).size() == outputs, "a bias");
  for (int64_t n = 0; n < shape[0]; ++n) {
    for (int64_t o = 0; o < outputs; ++o) {
      float* row = to.data() + (n * outputs + o) * pixels;
      if (call.has(2)) std::fill(row, row + pixels, call.input(2).values<float>()[o]);
      for (int64_t c = 0; c < channels; ++c) {
        const float* source = from.data() + (n * channels + c) * pixels;
        for (int64_t p = 0; p < pixels; ++p) row[p] += w[o * channels + c] * source[p];
      }
    }
  }
  return {std::move(out)};
}

}  // namespace

const EvaluationTable& number_operators() {
  static const EvaluationTable all{
      {"Add", binary(Plus{})},
      {"Sub", binary(Minus{})},
      {"Mul", binary(Times{})},
      {"Div", binary(Over{})},
      {"Max", binary(Larger{})},
      {"Min", binary(Smaller{})},
      {"Pow", power},
      {"Equal", comparison([](auto a, auto b) { return a == b; })},
      {"Less", comparison([](auto a, auto b) { return a < b; })},
      {"LessOrEqual", comparison([](auto a, auto b) { return a <= b; })},
      {"Greater", comparison([](auto a, auto b) { return a > b; })},
      {"GreaterOrEqual", comparison([](auto a, auto b) { return a >= b; })},
      {"And", comparison([](auto a, auto b) { return a != 0 && b != 0; })},
      {"Or", comparison([](auto a, auto b) { return a != 0 || b != 0; })},
      {"Not", invert},
      {"Where", choose},
      {"Neg", negative},
      {"Sigmoid", unary([](float x) { return 1 / (1 + std::exp(-x)); })},
      {"Exp", unary([](float x) { return std::exp(x); })},
      {"Sqrt", unary([](float x) { return std::sqrt(x); })},
      {"Floor", unary([](float x) { return std::floor(x); })},
      {"Ceil", unary([](float x) { return std::ceil(x); })},
      {"Relu", unary([](float x) { return std::max(x, 0.0f); })},
      {"Cast", cast},
      {"Range", range},
      {"Softmax", softmax},
      {"ReduceSum", reduction(Plus{})},
      {"ReduceMean", reduction(Plus{}, true)},
      {"ReduceMax", reduction(Larger{})},
      {"ReduceMin", reduction(Smaller{})},
      {"ReduceProd", reduction(Times{})},
      {"MatMul", matrix_product},
      {"Conv", pixel_convolution},
  };
  return all;
}

}  // namespace quench::onnx
