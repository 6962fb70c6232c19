#pragma once

#include <map>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace quench::quant {

enum class Target { native, onnxruntime, tensorrt, openvino };
/// Throws Error{config} naming the nearest.
Target target_from(const std::string& name);
const char* to_string(Target target);

/// Where quantization stands for a target: the one policy that PTQ, QAT and the exporter share.
struct Placement {
  graph::Graph graph;  ///< folded, in the form that the target quantizes (e.g. silu as sigmoid + mul)
  /// Edges to quantize, in groups that share one range (concat inputs and output; max_pool, upsample, split, flatten
  /// pass scales through, so groups merge along such chains). Fixed ones are not here.
  std::vector<std::vector<graph::EdgeId>> groups;
  std::vector<int> group_bits;  ///< of each group
  /// Parameters that are known beforehand: the image (1/255, 0), sigmoid's output (1/256, 0), dynamic ones.
  std::map<graph::EdgeId, graph::QuantParams> fixed;
  /// Names of nodes whose weights are quantized.
  std::vector<std::string> weights;
  std::vector<int> weight_bits;  ///< of each of them
  /// Names of weighted nodes that stay in float.
  std::vector<std::string> float_layers;
};

struct PlacementOptions {
  Target target = Target::onnxruntime;
  /// Node names (or prefixes ending in `.`, or `*` patterns) to keep in float. Error{config} where one matches nothing.
  std::vector<std::string> float_layers;
  /// Activations symmetric instead of asymmetric (TensorRT: always).
  bool symmetric = false;
  /// Convolutions whose output is a graph output are quantized too, and so are those outputs (native, openvino: not the
  /// outputs).
  bool quantize_head = false;
  /// native: what a convolution gives is quantized before its SiLU, too. Error{config} for another target.
  bool silu_tables = false;
  /// Ranges of activations are found as the model runs, and floats stand between layers: what layers in integers read
  /// is quantized, and the image. Error{config} for tensorrt, openvino, symmetric activations, silu_tables and other
  /// widths of activations than 8 bits.
  bool dynamic = false;
  int bits_w = 8;  ///< of weights; most_weight_bits at most, where layer_bits does not ask for more
  int bits_a = 8;  ///< of activations; the image always has 8
  /// Layers of other widths, as in layer_bits.h. Layers that read values of one group have one width there: that which
  /// any of them asks for. Error{config} where two ask for different ones, and where an entry asks for another width of
  /// the image alone.
  std::vector<std::string> layer_bits = {};
};

/// Folds batch norm and decides what is quantized (the policy of each target: docs/quantization.md). Convolutions whose
/// output is a graph output (detection heads) stay in float unless `quantize_head` (native, openvino: inputs and
/// weights alone are quantized then, outputs stay float), `float_layers` do always; a linear layer at the end has
/// quantized input and weights and a float output. The image edge becomes uint8 (not tensorrt). float_graph:
/// unquantized, batch norm folded or not. Throws Error{config}.
Placement place(const graph::Graph& float_graph, const PlacementOptions& options);

/// The widest weights that a target is given unasked: 8 bits, and 7 for openvino. There a processor without VNNI adds
/// two products of bytes in 16 bits (vpmaddubsw), and 255 * 63 * 2 fits, 255 * 127 * 2 does not.
int most_weight_bits(Target target);

/// Activation parameters in the integer type that the target runs. ONNX Runtime on x86 fuses uint8 alone, and the
/// native engine has uint8 alone, which OpenVINO on x86 is given too: int8 with zero point 0 becomes uint8 with zero
/// point 2^(bits - 1), the same steps (and one more at the lower end).
graph::QuantParams for_target(graph::QuantParams params, Target target);

}  // namespace quench::quant
