#pragma once

#include <filesystem>
#include <string>

#include "graph/graph.h"

namespace quench::graph {

/// The Graph as a serialized ONNX ModelProto (opset 17 or lower where enough, IR 8; QDQ where quantized; metadata in
/// metadata_props; batch dimension `N`). silu is written as Sigmoid + Mul. Verified by graph::verify and onnx::checker
/// first. Deterministic: equal graphs give equal bytes. Throws Error{data} or Error{backend}.
std::string write_onnx(const Graph& graph);

/// write_onnx into a file, atomically. Throws Error{io} too. Returns the sha256 of the bytes.
std::string save_onnx(const Graph& graph, const std::filesystem::path& path);

}  // namespace quench::graph
