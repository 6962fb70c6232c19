#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/tensor.h"
#include "graph/graph.h"
#include "graph/onnx_encode.h"
#include "graph/onnx_write.h"
#include "quench_onnx.pb.h"

/// ONNX files as other tools write them, made node by node.
namespace quench::onnx::samples {

using graph::onnx_encode::set_attribute;

class File {
 public:
  explicit File(int64_t opset = 13) {
    model.set_ir_version(7);
    model.set_producer_name("another tool");
    model.add_opset_import()->set_version(opset);
    model.mutable_graph()->set_name("main");
  }
  explicit File(std::string_view bytes) { model.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())); }

  /// dims: -1 is open.
  void input(const std::string& name, const Shape& dims, int32_t type = quench_onnx::TensorProto::FLOAT) {
    auto& value = *model.mutable_graph()->add_input();
    value.set_name(name);
    auto& tensor = *value.mutable_type()->mutable_tensor_type();
    tensor.set_elem_type(type);
    for (const int64_t dim : dims) {
      auto& made = *tensor.mutable_shape()->add_dim();
      dim < 0 ? made.set_dim_param("open") : made.set_dim_value(dim);
    }
  }
  void output(const std::string& name) {
    auto& value = *model.mutable_graph()->add_output();
    value.set_name(name);
    value.mutable_type()->mutable_tensor_type()->set_elem_type(quench_onnx::TensorProto::FLOAT);
  }
  quench_onnx::NodeProto& node(const std::string& op, const std::vector<std::string>& inputs,
                               const std::vector<std::string>& outputs) {
    auto& made = *model.mutable_graph()->add_node();
    made.set_op_type(op);
    made.set_name(op + "/" + std::to_string(model.graph().node_size()));
    for (const std::string& input : inputs) made.add_input(input);
    for (const std::string& output : outputs) made.add_output(output);
    return made;
  }
  /// A node whose last inputs are whole numbers.
  std::string with_numbers(const std::string& op, const std::vector<std::string>& inputs,
                           const std::vector<std::vector<int64_t>>& numbers, const std::string& output) {
    std::vector<std::string> all = inputs;
    for (const auto& values : numbers) all.push_back(whole(values));
    node(op, all, {output});
    return output;
  }
  std::string constant(const std::string& name, const Tensor& value) {
    graph::onnx_encode::set_tensor(*model.mutable_graph()->add_initializer(), name, value);
    return name;
  }
  std::string floats(const std::vector<float>& values, const Shape& shape) {
    return constant(free(), Tensor::from(values, shape));
  }
  std::string whole(const std::vector<int64_t>& values) {
    return constant(free(), Tensor::from(values, {static_cast<int64_t>(values.size())}));
  }
  std::string scalar(int64_t value) { return constant(free(), Tensor::from(std::vector<int64_t>{value}, {})); }
  void metadata(const std::string& key, const std::string& value) {
    auto& entry = *model.add_metadata_props();
    entry.set_key(key);
    entry.set_value(value);
  }
  std::string bytes() const { return model.SerializeAsString(); }

  quench_onnx::ModelProto model;

 private:
  std::string free() { return "constant_" + std::to_string(++made_); }
  int made_ = 0;
};

/// The same network as another tool would have written it: other names, no marks, no metadata. The outputs of the Graph
/// are called head0, head1, ...
inline File renamed(const graph::Graph& graph) {
  File file(graph::write_onnx(graph));
  file.model.clear_metadata_props();
  file.model.set_producer_name("another tool");
  auto& proto = *file.model.mutable_graph();
  std::map<std::string, std::string> names;
  const auto rename = [&](std::string* name) {
    if (name->empty()) return;
    const auto [entry, is_new] = names.try_emplace(*name, "t" + std::to_string(names.size()));
    *name = entry->second;
  };
  for (int i = 0; i < proto.output_size(); ++i) names[proto.output(i).name()] = "head" + std::to_string(i);
  for (auto& input : *proto.mutable_input()) rename(input.mutable_name());
  for (auto& tensor : *proto.mutable_initializer()) rename(tensor.mutable_name());
  int number = 0;
  for (auto& node : *proto.mutable_node()) {
    node.clear_doc_string();
    node.set_name("/layer/" + std::to_string(number++) + "/" + node.op_type());
    for (auto& input : *node.mutable_input()) rename(&input);
    for (auto& output : *node.mutable_output()) rename(&output);
  }
  for (auto& output : *proto.mutable_output()) rename(output.mutable_name());
  return file;
}

}  // namespace quench::onnx::samples
