#include "graph/onnx_tail.h"

#include <set>

#include "core/error.h"
#include "graph/onnx_encode.h"
#include "graph/onnx_mark.h"
#include "graph/onnx_writer.h"

namespace quench::graph {
namespace {

/// Lays one tail behind one written graph.
class TailWriter {
 public:
  TailWriter(quench_onnx::GraphProto& out, const OnnxTail& tail) : out_(out), tail_(tail) {
    for (const auto& value : out.input()) tensors_.insert(value.name());
    for (const auto& tensor : out.initializer()) tensors_.insert(tensor.name());
    for (const auto& node : out.node()) {
      nodes_.insert(node.name());
      for (const std::string& output : node.output()) tensors_.insert(output);
    }
  }

  void write() {
    for (const auto& output : out_.output()) *out_.add_value_info() = output;
    out_.clear_output();
    for (const auto& [name, tensor] : tail_.constants) {
      make(tensors_, name, "tensor");
      onnx_encode::set_tensor(*out_.add_initializer(), name, tensor);
    }
    for (const TailNode& node : tail_.nodes) write_node(node);
    for (const TailValue& value : tail_.outputs) {
      require(value.name, "graph output");
      onnx_encode::set_value(*out_.add_output(), value.name, DType::f32, value.shape);
    }
  }

 private:
  static void make(std::set<std::string>& used, const std::string& name, const char* what) {
    if (name.empty() || !used.insert(name).second) {
      fail(ErrorKind::data, "[graph.onnx] expected {} names to be unique, got '{}' again (tail)", what, name);
    }
  }

  void require(const std::string& tensor, const std::string& reader) const {
    if (!tensors_.contains(tensor)) {
      fail(ErrorKind::data, "[graph.onnx] tensor '{}' is made by nothing ({} of the tail)", tensor, reader);
    }
  }

  void write_node(const TailNode& node) {
    make(nodes_, node.name, "node");
    auto& proto = *out_.add_node();
    proto.set_op_type(node.op_type);
    proto.set_name(node.name);
    for (const std::string& input : node.inputs) {
      require(input, node.name);
      proto.add_input(input);
    }
    for (const auto& [name, value] : node.attributes) {
      std::visit([&](const auto& v) { onnx_encode::set_attribute(proto, name, v); }, value);
    }
    for (const TailValue& output : node.outputs) {
      make(tensors_, output.name, "tensor");
      proto.add_output(output.name);
      if (!is_output(output.name)) {
        onnx_encode::set_value(*out_.add_value_info(), output.name, DType::f32, output.shape);
      }
    }
  }

  bool is_output(const std::string& name) const {
    for (const TailValue& value : tail_.outputs) {
      if (value.name == name) return true;
    }
    return false;
  }

  quench_onnx::GraphProto& out_;
  const OnnxTail& tail_;
  std::set<std::string> tensors_;
  std::set<std::string> nodes_;
};

}  // namespace

std::string write_onnx(const Graph& graph, const OnnxTail& tail) {
  if (tail.kind.empty() || tail.outputs.empty()) {
    fail(ErrorKind::data, "[graph.onnx] expected a tail with a kind and outputs, got none");
  }
  quench_onnx::ModelProto model = written_model(graph);
  auto& entry = *model.add_metadata_props();
  entry.set_key(std::string(onnx_mark::kOutputsKey));
  entry.set_value(tail.kind);
  TailWriter(*model.mutable_graph(), tail).write();
  return serialized(model);
}

}  // namespace quench::graph
