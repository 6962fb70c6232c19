#include "nn/graph_module.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "core/error.h"
#include "nn/execute.h"
#include "nn/fake_quant.h"
#include "nn/node_tensors.h"
#include "nn/range_groups.h"

namespace quench::nn {

namespace {

using graph::EdgeId;
using torch::Tensor;

/// Edges whose value is no longer needed after each node.
std::vector<std::vector<EdgeId>> last_uses(const graph::Graph& graph) {
  std::vector<int> last(graph.edges.size(), -1);
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    for (EdgeId edge : graph.nodes[i].inputs) last[edge] = static_cast<int>(i);
    for (EdgeId edge : graph.nodes[i].outputs) last[edge] = static_cast<int>(i);
  }
  for (EdgeId edge : graph.outputs) last[edge] = -1;
  std::vector<std::vector<EdgeId>> out(graph.nodes.size());
  for (size_t edge = 0; edge < last.size(); ++edge) {
    if (last[edge] >= 0) out[last[edge]].push_back(static_cast<EdgeId>(edge));
  }
  return out;
}

}  // namespace

struct GraphModule::State {
  graph::Graph graph;
  ModuleOptions options;
  WeightStore weights;
  RangeGroups ranges;
  std::vector<std::vector<EdgeId>> freed_after;  ///< by node
  std::vector<Tensor> learned;                   ///< scale of each range group; undefined: fixed
  ExecuteOptions execute;
  EdgeHook hook;

  State(graph::Graph model, ModuleOptions module_options) : graph(std::move(model)), options(module_options) {
    weights = load_weights(graph, options);
    ranges = find_range_groups(graph);
    freed_after = last_uses(graph);
    learned.resize(ranges.members.size());
    execute.fused_kernels = options.fused_kernels;
  }

  Tensor load_input(const Tensor& x, const graph::Edge& edge) const;
  Tensor quantized(EdgeId id, const Tensor& value) const;
  void put(std::vector<Tensor>& values, EdgeId id, Tensor value) const;
  std::vector<Tensor> run(const Tensor& x);
};

/// To float32 on the device, in the module's memory format; raw pixels by the edge's own scale or 1/255.
Tensor GraphModule::State::load_input(const Tensor& x, const graph::Edge& edge) const {
  const bool fits = x.dim() == static_cast<int64_t>(edge.shape.size()) && x.dim() >= 2 && x.size(0) >= 1 &&
                    x.size(1) == edge.shape[1];
  if (!fits) {
    fail(ErrorKind::data, "[nn.graph_module] expected an input like {}, got {} (edge {})",
         quench::to_string(edge.shape), quench::to_string(x.sizes().vec()), edge.name);
  }
  Tensor value = x.to(options.device);
  if (x.scalar_type() == torch::kByte) {
    const bool raw = edge.dtype == DType::u8 && edge.quant && edge.quant->axis < 0;
    value = value.to(torch::kFloat);
    if (raw && edge.quant->zero_point[0] != 0) value.sub_(edge.quant->zero_point[0]);
    if (raw) {
      value.mul_(edge.quant->scale[0]);
    } else {
      value.div_(255.0);
    }
  } else if (!x.is_floating_point()) {
    fail(ErrorKind::data, "[nn.graph_module] expected a float32 or uint8 input, got {} (edge {})",
         torch::toString(x.scalar_type()), edge.name);
  }
  if (value.dim() == 4) {
    value =
        value.contiguous(options.channels_last ? torch::MemoryFormat::ChannelsLast : torch::MemoryFormat::Contiguous);
  }
  return value;
}

Tensor GraphModule::State::quantized(EdgeId id, const Tensor& value) const {
  const auto& quant = graph.edge(id).quant;
  if (!quant || !execute.simulate_quantization || ranges.redundant[id]) return value;
  const Tensor& scale = learned[ranges.group[id]];
  if (scale.defined()) {
    return fake_quantize(value, scale, QuantGrid{quant->zero_point[0], quant->q_min(), quant->q_max()});
  }
  return fake_quantize(value, *quant);
}

void GraphModule::State::put(std::vector<Tensor>& values, EdgeId id, Tensor value) const {
  values[id] = quantized(id, value);
  if (hook) hook(id, values[id].detach());
}

std::vector<Tensor> GraphModule::State::run(const Tensor& x) {
  ensure(graph.inputs.size() == 1, "[nn.graph_module] expected 1 graph input, got {}", graph.inputs.size());
  std::vector<Tensor> values(graph.edges.size());
  const EdgeId entry = graph.inputs[0];
  const graph::Edge& edge = graph.edge(entry);
  Tensor input = load_input(x, edge);
  if (x.scalar_type() == torch::kByte && edge.dtype == DType::u8 && edge.quant) {
    values[entry] = std::move(input);  // raw pixels are on the grid already
    if (hook) hook(entry, values[entry].detach());
  } else {
    put(values, entry, std::move(input));
  }
  std::vector<Tensor> inputs;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const graph::Node& node = graph.nodes[i];
    inputs.clear();
    for (EdgeId id : node.inputs) inputs.push_back(values[id]);
    std::vector<Tensor> outputs = nn::execute(node, weights.nodes[i], inputs, execute);
    for (size_t k = 0; k < node.outputs.size(); ++k) put(values, node.outputs[k], std::move(outputs[k]));
    for (EdgeId id : freed_after[i]) values[id].reset();
  }
  std::vector<Tensor> outputs;
  for (EdgeId id : graph.outputs) outputs.push_back(values[id]);
  return outputs;
}

GraphModule::GraphModule(graph::Graph graph, ModuleOptions options)
    : state_(std::make_unique<State>(std::move(graph), options)) {}
GraphModule::~GraphModule() = default;
GraphModule::GraphModule(GraphModule&&) noexcept = default;
GraphModule& GraphModule::operator=(GraphModule&&) noexcept = default;

std::vector<Tensor> GraphModule::forward(const Tensor& x) { return state_->run(x); }

void GraphModule::train(bool on) {
  state_->execute.training = on;
  for (NodeTensors& node : state_->weights.nodes) {
    node.weight.cached.reset();
    node.bias.cached.reset();
  }
}
bool GraphModule::training() const { return state_->execute.training; }
void GraphModule::simulate_quantization(bool on) { state_->execute.simulate_quantization = on; }

void GraphModule::learn_ranges(bool on) {
  State& state = *state_;
  if (!on) state.graph = graph();  // what was learned stays, fixed
  for (size_t group = 0; group < state.learned.size(); ++group) {
    if (!on || !state.ranges.learnable[group]) {
      state.learned[group].reset();
    } else if (!state.learned[group].defined()) {
      const float scale = state.graph.edge(state.ranges.members[group][0]).quant->scale[0];
      state.learned[group] =
          torch::full({1}, scale, torch::TensorOptions(state.options.device)).set_requires_grad(true);
    }
  }
}

std::map<std::string, Tensor> GraphModule::parameters() const {
  std::map<std::string, Tensor> out = state_->weights.parameters;
  for (size_t group = 0; group < state_->learned.size(); ++group) {
    if (!state_->learned[group].defined()) continue;
    out[state_->graph.edge(state_->ranges.members[group][0]).name + ".scale"] = state_->learned[group];
  }
  return out;
}

std::map<std::string, Tensor> GraphModule::buffers() const { return state_->weights.buffers; }
void GraphModule::set_edge_hook(EdgeHook hook) { state_->hook = std::move(hook); }
const torch::Device& GraphModule::device() const { return state_->options.device; }

graph::Graph GraphModule::graph() const {
  graph::Graph out = state_->graph;
  for (const auto& [name, tensor] : state_->weights.buffers) out.weights.at(name).value = to_host(tensor);
  for (const auto& [name, tensor] : state_->weights.parameters) {
    graph::Weight& weight = out.weights.at(name);
    weight.value = to_host(tensor);
    const bool moves = weight.quant && weight.quant->dtype != DType::i32 &&
                       std::all_of(weight.quant->zero_point.begin(), weight.quant->zero_point.end(),
                                   [](int32_t zero) { return zero == 0; });
    if (!moves) continue;
    const Tensor scale = symmetric_scales(tensor.detach(), *weight.quant).cpu().contiguous();
    weight.quant->scale.assign(scale.data_ptr<float>(), scale.data_ptr<float>() + scale.numel());
  }
  for (size_t group = 0; group < state_->learned.size(); ++group) {
    if (!state_->learned[group].defined()) continue;
    const float scale = state_->learned[group].item<float>();
    for (EdgeId id : state_->ranges.members[group]) out.edge(id).quant->scale[0] = scale;
  }
  return out;
}

}  // namespace quench::nn
