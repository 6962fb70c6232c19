#pragma once

#include <string>

#include "graph/graph.h"

namespace quench::exports {

/// A model in the two files that NCNN loads.
struct NcnnModel {
  std::string param;  ///< layers and how they are joined, as text
  std::string bin;    ///< weights
};

/// Writes a float model as FP32, a quantized one as INT8: its own integers of weights, their scales, and the scales of
/// what layers read. Batch norm is folded. Blobs have the names of edges (blanks become `_`); input and outputs are
/// [C,H,W] or [C] float32. NCNN's integer layers take int8 around zero point 0 and give floats, which is what
/// `quantize --target tensorrt` places; an edge that others read too is rounded by the layers alone.
/// Throws Error{config} for weights that are still floats, Error{unsupported} naming the node for activations of other
/// forms than int8 of 8 bits around 0, for weights with zero points, and for grouped integer convolutions that are not
/// depthwise, whose scales NCNN has by group.
NcnnModel ncnn_model(const graph::Graph& graph);

}  // namespace quench::exports
