#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/tensor.h"
#include "quench_onnx.pb.h"

namespace quench::onnx {

/// One ONNX file of another tool, as far as it is the same whatever it holds.
struct Document {
  quench_onnx::ModelProto proto;
  /// Those that an output depends on, every one after the nodes that it reads: pointers into `proto`.
  std::vector<const quench_onnx::NodeProto*> nodes;
  std::map<std::string, Tensor> constants;  ///< initializers that are read, as read_constant gives them
  std::map<std::string, std::string> metadata;
  int64_t opset = 0;
  bool reduced = false;  ///< it held float16 or bfloat16
};

/// Who wrote bytes.
enum class Origin {
  no_onnx,
  quench,
  other,            ///< another tool
  other_quantized,  ///< ... with operators of quantized models
};
Origin origin_of(std::string_view bytes);
/// Whether constants lie in files beside. False for bytes that are no ONNX.
bool has_external_data(std::string_view bytes);

/// Reads a file of another tool. `folder` is where its external data lie. Throws Error{data} for bytes that are
/// truncated or no ONNX, opsets below 7, tensors that are made twice, by nothing or in a circle, and for constants as
/// read_constant; Error{unsupported} for functions, sparse constants, training information, and for quantized models
/// (QuantizeLinear and operators on integers).
Document read_document(std::string_view bytes, const std::filesystem::path& folder);

}  // namespace quench::onnx
