#pragma once

#include <string>

#include "graph/graph.h"

namespace quench::exports {

/// A model as TensorFlow Lite (LiteRT) loads it: a float one as FP32, a quantized one as INT8 with its own integers and
/// scales (uint8 activations become int8 less 128, the same steps). Values are [1,H,W,C]; tensors have the names of
/// edges; the input is float32 or, of a model that reads pixels, uint8; outputs are float32. What `quantize --target
/// onnxruntime` places is what its integer kernels take: an operation runs in integers where all that it reads and
/// makes is quantized, and in float between DEQUANTIZE and QUANTIZE otherwise. Batch norm is folded. Throws
/// Error{config} for weights that are still floats, Error{unsupported} naming the node for activations of other widths
/// than 8 bits or ranges that are found as the model runs, for an integer layer whose SiLU reads floats (as
/// `--target native` places it), for weights with zero points, for batch norm that cannot be folded, and for a max pool
/// whose padding is not SAME.
std::string tflite_model(const graph::Graph& graph);

}  // namespace quench::exports
