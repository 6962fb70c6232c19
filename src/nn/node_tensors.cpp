#include "nn/node_tensors.h"

#include "core/error.h"
#include "graph/input_normalization.h"
#include "graph/op_traits.h"
#include "nn/fake_quant.h"
#include "nn/weight_scales.h"

namespace quench::nn {

torch::Tensor WeightTensor::value(bool simulate_quantization, bool training) {
  if (!simulate) return tensor;
  if (!simulate_quantization) return tensor;
  if (training || (torch::GradMode::is_enabled() && tensor.requires_grad())) {
    return fake_quantize_weight(tensor, scale, *simulate, covered);
  }
  const uint32_t version = tensor._version();
  if (!cached.defined() || cached_version != version) {
    cached = fake_quantize_weight(tensor, scale, *simulate, covered).detach();
    cached_version = version;
  }
  return cached;
}

void WeightTensor::follow(const torch::Tensor& bias, const torch::Tensor& input_scale) {
  scale = max_abs_scales(tensor, bias, input_scale, *simulate);
  scale_version = tensor._version();
  covered = true;
  cached.reset();
}

WeightTensor& NodeTensors::of(std::string_view role) {
  if (role == "weight") return weight;
  if (role == "bias") return bias;
  if (role == "running_mean") return running_mean;
  ensure(role == "running_var", "[nn.graph_module] unknown weight role {}", role);
  return running_var;
}

namespace {

/// int32 biases: their grid (input scale * weight scale) is finer than float32 resolves, so that they pass as they are.
bool simulated(const graph::Weight& weight) { return weight.quant && weight.quant->dtype != DType::i32; }

class Loader {
 public:
  Loader(const graph::Graph& graph, const ModuleOptions& options, WeightStore& store)
      : graph_(graph), options_(options), store_(store) {}

  NodeTensors load(const graph::Node& node) {
    NodeTensors tensors;
    for (const graph::WeightRole& role : graph::traits(node.op).weights) tensors.of(role.name) = load(node, role);
    return tensors;
  }

 private:
  WeightTensor load(const graph::Node& node, const graph::WeightRole& role) {
    const graph::Weight* weight = graph_.weight(node, role.name);
    const std::string name = node.name + "." + std::string(role.name);
    if (weight == nullptr) {
      if (role.required) fail(ErrorKind::data, "[nn.graph_module] expected a weight {}, got none", name);
      return {};
    }
    WeightTensor out;
    torch::Tensor value = to_torch(weight->value);
    const bool is_float = weight->value.dtype() == DType::f32;
    if (!is_float) {
      if (!weight->quant) {
        fail(ErrorKind::data, "[nn.graph_module] expected float32 or a quantized weight, got {} (weight {})",
             quench::to_string(weight->value.dtype()), name);
      }
      value = dequantize(value, *weight->quant);
    } else if (simulated(*weight)) {
      out.simulate = weight->quant;
    }
    value = value.to(options_.device);
    if (value.dim() == 4 && options_.channels_last) value = value.contiguous(torch::MemoryFormat::ChannelsLast);
    out.tensor = value;
    if (out.simulate) {
      out.scale = torch::tensor(out.simulate->scale).to(options_.device);
      out.scale_version = value._version();
    }
    if (is_float && !role.learned) {
      store_.buffers[name] = out.tensor;
    } else if (is_float && node.name != graph::kNormalizeNode) {
      out.tensor.set_requires_grad(true);
      store_.parameters[name] = out.tensor;
    }
    return out;
  }

  const graph::Graph& graph_;
  const ModuleOptions& options_;
  WeightStore& store_;
};

}  // namespace

WeightStore load_weights(const graph::Graph& graph, const ModuleOptions& options) {
  WeightStore store;
  Loader loader(graph, options, store);
  for (const graph::Node& node : graph.nodes) store.nodes.push_back(loader.load(node));
  return store;
}

NodeTensors load_node(const graph::Graph& graph, const graph::Node& node, const ModuleOptions& options) {
  WeightStore store;
  return Loader(graph, options, store).load(node);
}

}  // namespace quench::nn
