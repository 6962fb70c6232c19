#pragma once

#include "graph/graph.h"

namespace quench::quant {

/// The float model behind fake-quantizers, to quantize anew: no edge and no weight has QuantParams, weights are the
/// floats that trained (not what they are rounded to), and the metadata say nothing of quantization. Throws
/// Error{config} for integer weights, behind which there are no floats any more.
graph::Graph without_quantizers(graph::Graph quantized);

}  // namespace quench::quant
