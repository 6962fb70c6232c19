#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "quench_onnx.pb.h"

namespace quench::onnx {

/// The attributes of a node of another tool. Those that nobody asks for do not matter. All throw Error{data} for an
/// attribute of another type than asked for.
class Attributes {
 public:
  explicit Attributes(const quench_onnx::NodeProto& node) : node_(node) {}
  bool has(std::string_view name) const;
  int64_t integer(std::string_view name, int64_t otherwise) const;
  float real(std::string_view name, float otherwise) const;
  std::string text(std::string_view name, const std::string& otherwise) const;
  std::optional<std::vector<int64_t>> integers(std::string_view name) const;
  std::vector<float> reals(std::string_view name) const;
  /// Null where it is missing.
  const quench_onnx::TensorProto* tensor(std::string_view name) const;

 private:
  const quench_onnx::AttributeProto* find(std::string_view name, int type) const;

  const quench_onnx::NodeProto& node_;
};

}  // namespace quench::onnx
