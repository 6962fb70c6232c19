#include "graph/onnx_interface.h"

#include <limits>
#include <set>

#include "core/error.h"
#include "core/file.h"
#include "core/hash.h"
#include "graph/onnx_decode.h"
#include "quench_onnx.pb.h"

namespace quench::graph {

ModelFile read_interface(const std::filesystem::path& path) {
  ModelFile file;
  file.path = path;
  file.bytes = read_file(path);
  file.sha256 = sha256_hex(file.bytes);
  quench_onnx::ModelProto model;
  if (file.bytes.size() > static_cast<size_t>(std::numeric_limits<int32_t>::max()) ||
      !model.ParseFromArray(file.bytes.data(), static_cast<int>(file.bytes.size())) || !model.has_graph()) {
    fail(ErrorKind::data, "{}: expected an ONNX model, got {} bytes that are none or are truncated", path.string(),
         file.bytes.size());
  }
  std::set<std::string> constants;
  for (const auto& tensor : model.graph().initializer()) constants.insert(tensor.name());
  for (const auto& input : model.graph().input()) {
    if (constants.contains(input.name())) continue;
    const onnx_decode::Value value = onnx_decode::value(input);
    file.graph.inputs.push_back(file.graph.add_edge({input.name(), value.shape, value.dtype, std::nullopt}));
  }
  for (const auto& output : model.graph().output()) {
    file.graph.outputs.push_back(file.graph.add_edge({output.name(), {}, DType::f32, std::nullopt}));
  }
  return file;
}

}  // namespace quench::graph
