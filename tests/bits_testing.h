#pragma once

#include "graph/onnx_read.h"
#include "quant_refine_testing.h"

namespace quench::bits {

/// A model as a file of it is read.
inline graph::ModelFile file_of(const graph::Graph& graph) { return {"model.onnx", "", "0123456789abcdef0123", graph}; }

}  // namespace quench::bits
