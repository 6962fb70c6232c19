#include "onnx/document.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <set>

#include "core/error.h"
#include "core/file_kind.h"
#include "core/printable.h"
#include "graph/onnx_mark.h"
#include "onnx/constant.h"

namespace quench::onnx {
namespace {

using quench_onnx::NodeProto;
using quench_onnx::TensorProto;

constexpr int64_t kOldestOpset = 7;
/// Operators of models whose values are integers already.
const std::set<std::string_view> kQuantized{"QuantizeLinear",        "DequantizeLinear",
                                            "DynamicQuantizeLinear", "QLinearConv",
                                            "QLinearMatMul",         "ConvInteger",
                                            "MatMulInteger",         "QLinearAdd",
                                            "QLinearConcat",         "QLinearGlobalAveragePool"};

template <typename... Args>
[[noreturn]] void wrong(fmt::format_string<Args...> format, Args&&... args) {
  fail(ErrorKind::data, "[onnx] {}", fmt::format(format, std::forward<Args>(args)...));
}

bool parse(std::string_view bytes, quench_onnx::ModelProto& model) {
  return bytes.size() <= static_cast<size_t>(std::numeric_limits<int32_t>::max()) &&
         model.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) && model.has_graph() &&
         model.graph().output_size() > 0;
}

/// The graph's nodes behind its outputs, in an order in which they can be run.
class Order {
 public:
  explicit Order(const quench_onnx::GraphProto& graph) : graph_(graph) {
    for (const auto& input : graph.input()) known_.insert(input.name());
    for (const auto& tensor : graph.initializer()) known_.insert(tensor.name());
    for (int i = 0; i < graph.node_size(); ++i) {
      for (const std::string& output : graph.node(i).output()) {
        if (output.empty()) continue;
        if (known_.contains(output) || !maker_.emplace(output, i).second) {
          wrong("expected tensors to be made once, got '{}' again (node {})", output, graph.node(i).name());
        }
      }
    }
  }

  std::vector<const NodeProto*> run() {
    state_.assign(static_cast<size_t>(graph_.node_size()), State::unseen);
    for (const auto& output : graph_.output()) {
      if (const std::optional<int> maker = maker_of(output.name(), "a graph output")) visit(*maker);
    }
    return std::move(ordered_);
  }

 private:
  enum class State { unseen, begun, done };

  std::optional<int> maker_of(const std::string& tensor, const std::string& where) const {
    if (tensor.empty() || known_.contains(tensor)) return std::nullopt;
    const auto found = maker_.find(tensor);
    if (found == maker_.end()) wrong("expected tensors that something makes, got '{}' ({})", tensor, where);
    return found->second;
  }

  /// Depth first, without recursion: a file may hold a chain of any length.
  void visit(int first) {
    std::vector<std::pair<int, int>> stack;  // node, next input
    const auto push = [&](int node) {
      if (state_[node] == State::begun)
        wrong("expected no circle of nodes, got one (node {})", graph_.node(node).name());
      if (state_[node] == State::done) return;
      state_[node] = State::begun;
      stack.emplace_back(node, 0);
    };
    push(first);
    while (!stack.empty()) {
      const auto [index, input] = stack.back();
      const NodeProto& node = graph_.node(index);
      if (input == node.input_size()) {
        state_[index] = State::done;
        ordered_.push_back(&node);
        stack.pop_back();
        continue;
      }
      ++stack.back().second;
      if (const std::optional<int> maker = maker_of(node.input(input), "node " + node.name())) push(*maker);
    }
  }

  const quench_onnx::GraphProto& graph_;
  std::set<std::string> known_;
  std::map<std::string, int> maker_;
  std::vector<State> state_;
  std::vector<const NodeProto*> ordered_;
};

void require_float_graph(const quench_onnx::ModelProto& model) {
  if (model.functions_size() || model.training_info_size() || model.graph().sparse_initializer_size()) {
    fail(ErrorKind::unsupported, "[onnx] expected a plain graph, got functions, training or sparse constants");
  }
  for (const NodeProto& node : model.graph().node()) {
    if (!kQuantized.contains(node.op_type())) continue;
    fail(ErrorKind::unsupported,
         "[onnx] expected a float model, got one that another tool quantized ({}); take the float file that it was "
         "made of",
         node.op_type());
  }
}

}  // namespace

Origin origin_of(std::string_view bytes) {
  quench_onnx::ModelProto model;
  if (!parse(bytes, model)) return Origin::no_onnx;
  for (const auto& entry : model.metadata_props()) {
    if (entry.key() == graph::onnx_mark::kVersionKey) return Origin::quench;
  }
  const bool quantized = std::ranges::any_of(model.graph().node(),
                                             [](const NodeProto& node) { return kQuantized.contains(node.op_type()); });
  return quantized ? Origin::other_quantized : Origin::other;
}

bool has_external_data(std::string_view bytes) {
  quench_onnx::ModelProto model;
  return parse(bytes, model) && std::ranges::any_of(model.graph().initializer(), [](const TensorProto& tensor) {
           return tensor.data_location() == TensorProto::EXTERNAL;
         });
}

Document read_document(std::string_view bytes, const std::filesystem::path& folder) {
  Document out;
  if (!parse(bytes, out.proto)) {
    const std::string kind = file_kind(bytes);
    if (!kind.empty()) wrong("expected an ONNX model, got {}", kind);
    wrong("expected an ONNX model, got {} bytes that are none or are truncated", bytes.size());
  }
  require_float_graph(out.proto);
  for (const auto& opset : out.proto.opset_import()) {
    if (opset.domain().empty() || opset.domain() == "ai.onnx") out.opset = std::max(out.opset, opset.version());
  }
  if (out.opset < kOldestOpset) wrong("expected opset {} or later, got {}", kOldestOpset, out.opset);
  for (const auto& entry : out.proto.metadata_props()) out.metadata.emplace(entry.key(), printable(entry.value()));
  out.nodes = Order(out.proto.graph()).run();
  std::set<std::string_view> read;
  for (const NodeProto* node : out.nodes) read.insert(node->input().begin(), node->input().end());
  for (const TensorProto& tensor : out.proto.graph().initializer()) {
    if (!read.contains(tensor.name())) continue;
    out.reduced |= tensor.data_type() == TensorProto::FLOAT16 || tensor.data_type() == TensorProto::BFLOAT16;
    if (!out.constants.emplace(tensor.name(), read_constant(tensor, folder)).second) {
      wrong("expected constants of different names, got '{}' twice", tensor.name());
    }
  }
  return out;
}

}  // namespace quench::onnx
