#pragma once

#include <array>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/tensor.h"
#include "quench_onnx.pb.h"

/// Checked access to ONNX messages of unknown origin. All throw Error{data}.
namespace quench::graph::onnx_decode {

template <typename... Args>
[[noreturn]] void wrong(fmt::format_string<Args...> format, Args&&... args) {
  fail(ErrorKind::data, "[graph.onnx] {}", fmt::format(format, std::forward<Args>(args)...));
}

/// Copies raw data into a Tensor; checks dtype, dimensions and byte count before memory is taken.
Tensor tensor(const quench_onnx::TensorProto& proto);

/// Values of a constant of that type.
template <typename T>
std::vector<T> constant(const quench_onnx::TensorProto& proto) {
  const Tensor value = tensor(proto);
  if (value.dtype() != DTypeOf<T>::value) {
    wrong("expected {} values, got {} (constant {})", to_string(DTypeOf<T>::value), to_string(value.dtype()),
          proto.name());
  }
  const auto values = value.values<T>();
  return {values.begin(), values.end()};
}

/// One value's dtype and shape, dimension 0 (the batch) set to 1.
struct Value {
  DType dtype;
  Shape shape;
};
Value value(const quench_onnx::ValueInfoProto& proto);

/// The attributes of one node. Each is asked for once; `finish` refuses what nobody asked for.
class AttributeReader {
 public:
  explicit AttributeReader(const quench_onnx::NodeProto& node) : node_(node) {}
  int64_t integer(std::string_view name, int64_t otherwise);
  float real(std::string_view name, float otherwise);
  std::array<int64_t, 2> pair(std::string_view name, std::array<int64_t, 2> otherwise);
  /// `pads` that are the same at both ends.
  std::array<int64_t, 2> padding();
  /// Refuses another value than `wanted`.
  void require(std::string_view name, std::string_view wanted);
  void finish() const;

 private:
  const quench_onnx::AttributeProto* find(std::string_view name, quench_onnx::AttributeProto::AttributeType type);

  const quench_onnx::NodeProto& node_;
  std::set<std::string_view> asked_;
};

}  // namespace quench::graph::onnx_decode
