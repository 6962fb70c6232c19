#include "nn/node_tensors.h"

#include "core/error.h"
#include "graph/input_normalization.h"
#include "graph/op_traits.h"
#include "graph/quantized.h"
#include "nn/along_axis.h"
#include "nn/fake_quant.h"
#include "nn/weight_scales.h"

namespace quench::nn {

uint64_t WeightTensor::version() const {
  uint64_t sum = tensor._version();
  if (scale.defined()) sum += scale._version();
  if (correction.defined()) sum += correction._version();
  return sum;
}

torch::Tensor WeightTensor::made(bool simulate_quantization, const WeightRounding& rounding) const {
  torch::Tensor out = unrounded();
  if (simulate_quantization) {
    const bool general = ranges == WeightRanges::learned || !rounding.plain();
    out = general && graph::is_symmetric(*simulate) ? quantize_weight(out, scale, *simulate, covered, rounding, place)
                                                    : fake_quantize_weight(out, scale, *simulate, covered);
  }
  return correction.defined() ? out * along_axis(correction, 0, out.dim()) : out;
}

torch::Tensor WeightTensor::value(bool simulate_quantization, bool training, const WeightRounding& rounding) {
  if (!simulate) return tensor;
  if (training) return made(simulate_quantization, rounding);
  if (!simulate_quantization || torch::GradMode::is_enabled()) return made(simulate_quantization, {});
  const uint64_t now = version();
  if (!cached.defined() || cached_version != now) {
    cached = made(true, {}).detach();
    cached_version = now;
  }
  return cached;
}

void WeightTensor::follow(const torch::Tensor& bias, const torch::Tensor& input_scale) {
  torch::NoGradGuard no_grad;
  scale = max_abs_scales(unrounded(), bias, input_scale, *simulate);
  scale_version = tensor._version();
  covered = true;
  cached.reset();
}

void WeightTensor::raise(const torch::Tensor& bias, const torch::Tensor& input_scale) {
  if (!bias.defined()) return;
  torch::NoGradGuard no_grad;
  const torch::Tensor least = least_scales(bias, input_scale, simulate->axis);
  if (scale.lt(least).any().item<bool>()) scale.copy_(torch::maximum(scale, least));
}

void WeightTensor::write(graph::Weight& weight) const {
  torch::NoGradGuard no_grad;
  torch::Tensor steps = scale.detach();
  if (correction.defined()) {
    steps = steps * correction;
    const torch::Tensor q = rounded_steps(unrounded() / along_axis(scale, 0, tensor.dim()), *simulate);
    weight.value = to_host(q * along_axis(steps, 0, tensor.dim()));
  } else if (largest.defined()) {
    weight.value = to_host(unrounded());
  }
  steps = steps.cpu().contiguous();
  weight.quant->scale.assign(steps.data_ptr<float>(), steps.data_ptr<float>() + steps.numel());
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

  /// place: of the node in the Graph.
  NodeTensors load(const graph::Node& node, uint64_t place) {
    NodeTensors tensors;
    for (const graph::WeightRole& role : graph::traits(node.op).weights) {
      tensors.of(role.name) = load(node, role, place);
    }
    return tensors;
  }

 private:
  WeightTensor load(const graph::Node& node, const graph::WeightRole& role, uint64_t place) {
    const graph::Weight* weight = graph_.weight(node, role.name);
    const std::string name = node.name + "." + std::string(role.name);
    if (weight == nullptr) {
      if (role.required) fail(ErrorKind::data, "[nn.graph_module] expected a weight {}, got none", name);
      return {};
    }
    WeightTensor out;
    out.place = place;
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
  for (const graph::Node& node : graph.nodes) store.nodes.push_back(loader.load(node, store.nodes.size()));
  return store;
}

NodeTensors load_node(const graph::Graph& graph, const graph::Node& node, const ModuleOptions& options) {
  WeightStore store;
  return Loader(graph, options, store).load(node, 0);
}

}  // namespace quench::nn
