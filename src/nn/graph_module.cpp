#include "nn/graph_module.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <charconv>

#include "core/error.h"
#include "graph/dynamic_range.h"
#include "graph/quantized.h"
#include "nn/activation_quantizer.h"
#include "nn/along_axis.h"
#include "nn/execute.h"
#include "nn/fake_quant.h"
#include "nn/fused.h"
#include "nn/learned_range.h"
#include "nn/node_tensors.h"
#include "nn/plan.h"
#include "nn/qat_setup.h"
#include "nn/range_groups.h"

namespace quench::nn {

using graph::EdgeId;
using torch::Tensor;

namespace {

/// The row of the model that a node is of ("model.12.cv1.conv": 12); -1: none.
int64_t row_of(const std::string& node) {
  constexpr std::string_view kModel = "model.";
  if (!node.starts_with(kModel)) return -1;
  int64_t row = -1;
  const auto [end, status] = std::from_chars(node.data() + kModel.size(), node.data() + node.size(), row);
  return status == std::errc() && *end == '.' ? row : -1;
}

}  // namespace

struct GraphModule::State {
  graph::Graph graph;
  ModuleOptions options;
  WeightStore weights;
  RangeGroups ranges;
  std::vector<Step> plan;
  std::vector<bool> engine_silu;      ///< of each node: silus_of_sums
  std::vector<LearnedRange> learned;  ///< of each range group; undefined: fixed
  QatOptions qat;
  ExecuteOptions execute;
  std::vector<bool> frozen;  ///< of each node; empty: none
  EdgeHook hook;
  bool trained = false;  ///< has been in training mode

  State(graph::Graph model, ModuleOptions module_options) : graph(std::move(model)), options(module_options) {
    weights = load_weights(graph, options);
    ranges = find_range_groups(graph);
    plan = make_plan(graph);
    engine_silu = silus_of_sums(graph);
    learned.resize(ranges.members.size());
    execute.fused_kernels = options.fused_kernels;
    execute.rounding.whole_batch = options.whole_batch;
    if (options.whole_batch && options.whole_batch->norms) execute.norms = options.whole_batch;
  }

  bool trains(int node) const { return execute.training && (frozen.empty() || !frozen[static_cast<size_t>(node)]); }
  void follow_weights(bool all);
  Tensor scale_of(EdgeId id) const;
  Tensor load_input(const Tensor& x, const graph::Edge& edge) const;
  Tensor quantized(EdgeId id, const Tensor& value) const;
  void put(std::vector<Tensor>& values, EdgeId id, Tensor value) const;
  void run_node(int index, std::vector<Tensor>& values);
  bool run_fused(const Step& step, std::vector<Tensor>& values);
  std::vector<Tensor> run(const Tensor& x, const std::vector<EdgeId>& also);
};

/// The scale of a quantized edge, as it stands: learned, or the Graph's.
Tensor GraphModule::State::scale_of(EdgeId id) const {
  const LearnedRange& range = learned[ranges.group[id]];
  return range.defined() ? range.scale() : torch::full({1}, graph.edge(id).quant->scale[0], options.device);
}

/// The one place where the scales of weights that train are updated: all of them, or those whose weight has moved.
/// After the edge scales, which they depend on where a bias has to fit. Those that train are raised where a bias would
/// not fit; those that are frozen stay.
void GraphModule::State::follow_weights(bool all) {
  if (!trained) return;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    NodeTensors& node = weights.nodes[i];
    WeightTensor& weight = node.weight;
    if (!weight.simulate || weight.ranges == WeightRanges::frozen || !graph::is_symmetric(*weight.simulate)) continue;
    const bool learned_scale = weight.ranges == WeightRanges::learned;
    if (!learned_scale && !all && weight.scale_version == weight.tensor._version()) continue;
    const EdgeId input = graph.nodes[i].inputs[0];
    const bool floats = !graph.edge(input).quant || graph::is_dynamic(graph.edge(input));  // none for a bias to fit
    const Tensor bias = floats ? Tensor() : node.bias.tensor, step = floats ? Tensor() : scale_of(input);
    learned_scale ? weight.raise(bias, step) : weight.follow(bias, step);
  }
}

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
  if (quant->dynamic) {
    try {
      return fake_quantize_dynamic(value);
    } catch (const Error& error) {
      throw Error(error.kind(), fmt::format("{} (edge {})", error.what(), graph.edge(id).name));
    }
  }
  const LearnedRange& range = learned[ranges.group[id]];
  const double delta = execute.training ? qat.ewgs_delta : 0;
  if (range.defined()) return range.quantize(value, delta);
  if (delta == 0 || quant->axis >= 0) return fake_quantize(value, *quant);
  return quantize_lsq(value, torch::full({1}, quant->scale[0], options.device),
                      QuantGrid{quant->zero_point[0], quant->q_min(), quant->q_max()}, delta);
}

void GraphModule::State::put(std::vector<Tensor>& values, EdgeId id, Tensor value) const {
  values[id] = quantized(id, value);
  if (hook) hook(id, values[id].detach());
}

void GraphModule::State::run_node(int index, std::vector<Tensor>& values) {
  const graph::Node& node = graph.nodes[index];
  std::vector<Tensor> inputs;
  inputs.reserve(node.inputs.size());
  for (EdgeId id : node.inputs) inputs.push_back(values[id]);
  ExecuteOptions here = execute;
  here.engine_silu = engine_silu[static_cast<size_t>(index)];
  if (node.op == graph::Op::batch_norm) here.training = trains(index);
  std::vector<Tensor> outputs = nn::execute(node, weights.nodes[index], inputs, here);
  for (size_t k = 0; k < node.outputs.size(); ++k) put(values, node.outputs[k], std::move(outputs[k]));
}

/// A batch_norm and its silu in one pass; false where the kernels do not take this value.
bool GraphModule::State::run_fused(const Step& step, std::vector<Tensor>& values) {
  const graph::Node& node = graph.nodes[step.node];
  const Tensor& x = values[node.inputs[0]];
  if (!fused_supported(x)) return false;
  put(values, graph.nodes[step.silu].outputs[0],
      execute_batch_norm(node, weights.nodes[step.node], x, trains(step.node), true, execute.norms));
  return true;
}

std::vector<Tensor> GraphModule::State::run(const Tensor& x, const std::vector<EdgeId>& also) {
  ensure(graph.inputs.size() == 1, "[nn.graph_module] expected 1 graph input, got {}", graph.inputs.size());
  if (execute.simulate_quantization) follow_weights(execute.training);
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
  for (const Step& step : plan) {
    const bool fuse = step.silu >= 0 && !hook && options.fused_kernels;
    if (!fuse || !run_fused(step, values)) {
      run_node(step.node, values);
      if (step.silu >= 0) run_node(step.silu, values);
    }
    for (EdgeId id : step.freed) {
      if (std::ranges::count(also, id) == 0) values[id].reset();
    }
  }
  std::vector<Tensor> outputs;
  for (EdgeId id : graph.outputs) outputs.push_back(values[id]);
  for (EdgeId id : also) {
    ensure(values.at(id).defined(), "[nn.graph_module] edge {} has no value of its own", graph.edge(id).name);
    outputs.push_back(values[id]);
  }
  return outputs;
}

GraphModule::GraphModule(graph::Graph graph, ModuleOptions options)
    : state_(std::make_unique<State>(std::move(graph), options)) {}
GraphModule::~GraphModule() = default;
GraphModule::GraphModule(GraphModule&&) noexcept = default;
GraphModule& GraphModule::operator=(GraphModule&&) noexcept = default;

std::vector<Tensor> GraphModule::forward(const Tensor& x, const std::vector<EdgeId>& also) {
  return state_->run(x, also);
}

void GraphModule::train(bool on) {
  if (on && !state_->trained) keep_fixed_scales(state_->graph, state_->qat, state_->weights);
  state_->execute.training = on;
  state_->trained = state_->trained || on;
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
      state.learned[group] = {};
    } else if (!state.learned[group].defined()) {
      const graph::Edge& edge = state.graph.edge(state.ranges.members[group][0]);
      state.learned[group] = {state.qat.activations, *edge.quant, state.options.device};
    }
  }
}

void GraphModule::learn(const QatOptions& options) {
  State& state = *state_;
  state.qat = options;
  state.execute.rounding = {options.ewgs_delta, options.stochastic_rounding, options.seed, 0,
                            state.options.whole_batch};
  if (options.learn_activations) {
    require_learnable(state.graph, state.ranges, options.activations);
    learn_ranges(true);
  }
  learn_weights(state.graph, options, state.weights);
}

void GraphModule::freeze(int64_t rows) {
  State& state = *state_;
  int64_t last = -1;
  state.frozen.assign(state.graph.nodes.size(), false);
  for (size_t i = 0; i < state.graph.nodes.size(); ++i) {
    const int64_t row = row_of(state.graph.nodes[i].name);
    last = std::max(last, row);
    state.frozen[i] = row >= 0 && row < rows;
  }
  if (rows > last) {
    fail(ErrorKind::config, "[nn.graph_module] expected to freeze at most {} rows, so that the last one trains, got {}",
         std::max<int64_t>(last, 0), rows);
  }
  for (size_t i = 0; i < state.frozen.size(); ++i) {
    if (!state.frozen[i]) continue;
    NodeTensors& node = state.weights.nodes[i];
    for (Tensor* tensor : {&node.weight.tensor, &node.bias.tensor, &node.weight.scale, &node.weight.correction}) {
      if (tensor->defined() && tensor->is_leaf()) tensor->set_requires_grad(false);
    }
  }
}

void GraphModule::at_step(int64_t step) { state_->execute.rounding.step = step; }

std::vector<RoundedWeight> GraphModule::rounded_weights() const {
  state_->follow_weights(true);
  std::vector<RoundedWeight> out;
  for (size_t i = 0; i < state_->graph.nodes.size(); ++i) {
    const WeightTensor& weight = state_->weights.nodes[i].weight;
    if (!weight.simulate || !graph::is_symmetric(*weight.simulate)) continue;
    const graph::QuantParams& params = *weight.simulate;
    const Tensor scale = along_axis(weight.scale.detach(), params.axis, weight.tensor.dim());
    out.push_back({state_->graph.nodes[i].name + ".weight", weight.tensor, weight.unrounded(),
                   params.group_size > 0 ? scale * group_factor_tensor(params, weight.tensor) : scale,
                   graph::largest_code(params)});
  }
  return out;
}

std::map<std::string, Tensor> GraphModule::parameters() const {
  std::map<std::string, Tensor> out;
  for (const auto& [name, tensor] : state_->weights.parameters) {
    if (tensor.requires_grad()) out[name] = tensor;
  }
  for (size_t i = 0; i < state_->graph.nodes.size(); ++i) {
    const WeightTensor& weight = state_->weights.nodes[i].weight;
    const std::string& node = state_->graph.nodes[i].name;
    if (weight.ranges == WeightRanges::learned && weight.scale.requires_grad())
      out[node + ".weight.scale"] = weight.scale;
    if (weight.correction.defined() && weight.correction.requires_grad())
      out[node + ".correction.scale"] = weight.correction;
  }
  for (size_t group = 0; group < state_->learned.size(); ++group) {
    if (!state_->learned[group].defined()) continue;
    state_->learned[group].add_parameters(state_->graph.edge(state_->ranges.members[group][0]).name, out);
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
    out.weights.at(name).value = to_host(tensor);
  }
  for (size_t group = 0; group < state_->learned.size(); ++group) {
    if (!state_->learned[group].defined()) continue;
    const graph::QuantParams params = state_->learned[group].params();
    for (EdgeId id : state_->ranges.members[group]) out.edge(id).quant = params;
  }
  state_->follow_weights(true);
  for (size_t i = 0; i < out.nodes.size(); ++i) {
    const WeightTensor& weight = state_->weights.nodes[i].weight;
    if (weight.simulate) weight.write(*out.weight(out.nodes[i], "weight"));
  }
  note_weight_ranges(state_->qat, out);
  return out;
}

}  // namespace quench::nn
