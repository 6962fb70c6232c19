#include "quant/without_quantizers.h"

#include "core/error.h"

namespace quench::quant {

graph::Graph without_quantizers(graph::Graph quantized) {
  for (graph::Edge& edge : quantized.edges) edge.quant.reset();
  for (const graph::EdgeId edge : quantized.inputs) quantized.edge(edge).dtype = DType::f32;
  for (auto& [name, weight] : quantized.weights) {
    if (!weight.quant) continue;
    if (weight.value.dtype() != DType::f32) {
      fail(ErrorKind::config,
           "[quant.without_quantizers] expected float weights behind the quantizers, got integers (weight {}): start "
           "from the model that was quantized",
           name);
    }
    weight.quant.reset();
  }
  for (const char* key : {"method",
                          "observer",
                          "target",
                          "weights",
                          "activations",
                          "activation_scales",
                          "bits_w",
                          "bits_a",
                          "layer_bits",
                          "float_layers",
                          "calibration_images",
                          "calibration_sha256",
                          "weight_scales",
                          "weight_scales_by",
                          "levels",
                          "scales",
                          "group_size",
                          "requantization",
                          "adaround",
                          "bias_correction",
                          "qat",
                          "calibration_pictures",
                          "assign_bits"}) {
    quantized.metadata.erase(key);
  }
  return quantized;
}

}  // namespace quench::quant
