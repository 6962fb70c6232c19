#pragma once

#include "graph/onnx_read.h"

namespace quench::why {

/// A quantized model in the forms that it is asked about.
struct Forms {
  graph::Graph quantized;  ///< weights as floats at their integers' centres, QuantParams kept
  graph::Graph reference;  ///< the same nodes and edges with nothing quantized: what the quantized model approximates
  graph::ModelFile in_float;  ///< what is timed as the float form
};

/// against: the float model that was quantized; null: the quantized model's own weights in float stand in for it, so
/// that the rounding of weights cannot be seen. Throws Error{config} for a `model` that is not quantized, and for an
/// `against` that is quantized or has other layers, shapes or outputs; Error{data} for weights that are not finite.
Forms forms_of(const graph::ModelFile& model, const graph::ModelFile* against);

}  // namespace quench::why
