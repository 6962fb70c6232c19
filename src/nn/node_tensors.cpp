#include "nn/node_tensors.h"

#include <string_view>

#include "core/error.h"
#include "graph/input_normalization.h"
#include "nn/fake_quant.h"

namespace quench::nn {

torch::Tensor WeightTensor::value(bool simulate_quantization, bool training) {
  if (!simulate) return tensor;
  if (!simulate_quantization) return tensor;
  if (training || (torch::GradMode::is_enabled() && tensor.requires_grad())) {
    return fake_quantize_weight(tensor, *simulate);
  }
  const uint32_t version = tensor._version();
  if (!cached.defined() || cached_version != version) {
    cached = fake_quantize_weight(tensor, *simulate).detach();
    cached_version = version;
  }
  return cached;
}

namespace {

/// int32 biases: their grid (input scale * weight scale) is finer than float32 resolves, so that they pass as they are.
bool simulated(const graph::Weight& weight) { return weight.quant && weight.quant->dtype != DType::i32; }

class Loader {
 public:
  Loader(const graph::Graph& graph, const ModuleOptions& options, WeightStore& store)
      : graph_(graph), options_(options), store_(store) {}

  WeightTensor load(const graph::Node& node, std::string_view role, bool required, bool statistic) {
    const graph::Weight* weight = graph_.weight(node, role);
    const std::string name = node.name + "." + std::string(role);
    if (weight == nullptr) {
      if (required) fail(ErrorKind::data, "[nn.graph_module] expected a weight {}, got none", name);
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
    if (is_float && statistic) {
      store_.buffers[name] = out.tensor;
    } else if (is_float && node.name != graph::kNormalizeNode) {
      out.tensor.set_requires_grad(true);
      store_.parameters[name] = out.tensor;
    }
    return out;
  }

 private:
  const graph::Graph& graph_;
  const ModuleOptions& options_;
  WeightStore& store_;
};

}  // namespace

WeightStore load_weights(const graph::Graph& graph, const ModuleOptions& options) {
  WeightStore store;
  Loader loader(graph, options, store);
  for (const graph::Node& node : graph.nodes) {
    NodeTensors tensors;
    if (node.op == graph::Op::conv || node.op == graph::Op::linear) {
      tensors.weight = loader.load(node, "weight", true, false);
      tensors.bias = loader.load(node, "bias", false, false);
    } else if (node.op == graph::Op::batch_norm) {
      tensors.weight = loader.load(node, "weight", true, false);
      tensors.bias = loader.load(node, "bias", true, false);
      tensors.running_mean = loader.load(node, "running_mean", true, true);
      tensors.running_var = loader.load(node, "running_var", true, true);
    }
    store.nodes.push_back(std::move(tensors));
  }
  return store;
}

}  // namespace quench::nn
