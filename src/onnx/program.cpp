#include "onnx/program.h"

#include "core/error.h"
#include "onnx/evaluate.h"

namespace quench::onnx {

std::vector<Tensor> run_tail(const Document& document, std::map<std::string, Tensor> known,
                             const std::vector<std::string>& wanted) {
  std::set<std::string> missing;
  for (const std::string& name : wanted) {
    if (!known.contains(name)) missing.insert(name);
  }
  std::vector<const quench_onnx::NodeProto*> needed;
  for (size_t i = document.nodes.size(); i-- > 0;) {
    const quench_onnx::NodeProto& node = *document.nodes[i];
    bool makes = false;
    for (const std::string& output : node.output()) makes |= missing.erase(output) > 0;
    if (!makes) continue;
    needed.push_back(&node);
    for (const std::string& input : node.input()) {
      if (!input.empty() && !known.contains(input)) missing.insert(input);
    }
  }
  if (!missing.empty())
    fail(ErrorKind::data, "[onnx] expected a tail behind the outputs, got one that reads {}", *missing.begin());
  for (size_t i = needed.size(); i-- > 0;) {
    const quench_onnx::NodeProto& node = *needed[i];
    std::vector<const Tensor*> inputs;
    for (const std::string& input : node.input()) inputs.push_back(input.empty() ? nullptr : &known.at(input));
    std::vector<Tensor> outputs = evaluate(node, inputs, document.opset);
    for (size_t k = 0; k < outputs.size() && k < static_cast<size_t>(node.output_size()); ++k) {
      if (!node.output(static_cast<int>(k)).empty()) known[node.output(static_cast<int>(k))] = std::move(outputs[k]);
    }
  }
  std::vector<Tensor> out;
  for (const std::string& name : wanted) {
    const auto found = known.find(name);
    if (found == known.end()) fail(ErrorKind::data, "[onnx] expected the tail to make {}, got nothing", name);
    out.push_back(found->second);
  }
  return out;
}

}  // namespace quench::onnx
