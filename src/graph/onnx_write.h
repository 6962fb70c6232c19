#pragma once

#include <filesystem>
#include <string>

#include "graph/graph.h"

namespace quench::graph {

/// The Graph as a serialized ONNX ModelProto: opset 13, IR 8 (with packed weights, graph/packed_integers.h, opset 21
/// and IR 10 for INT4, opset 25 and IR 13 for INT2), batch dimension `N`, metadata and `quench_version` in
/// metadata_props. Verified by graph::verify first. Deterministic: equal graphs give equal bytes.
///
/// Edges with `quant` become one QuantizeLinear after their producer and one DequantizeLinear for each consumer; a
/// uint8 graph input has the latter alone. Integer weights get a DequantizeLinear, float weights with `quant` a pair.
/// Fewer than 8 bits: a Clip before QuantizeLinear holds the range (8 bits: the dtype's own saturation, so symmetric
/// int8 edges reach -128 where QuantParams::q_min says -127). silu is written as Sigmoid + Mul; onnx_mark.h lists the
/// marks that bring back what ONNX cannot say. Throws Error{data} or Error{backend}.
std::string write_onnx(const Graph& graph);

/// write_onnx into a file, atomically. Throws Error{io} too. Returns the sha256 of the bytes.
std::string save_onnx(const Graph& graph, const std::filesystem::path& path);

}  // namespace quench::graph
