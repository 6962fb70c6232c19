#pragma once

#include <filesystem>

#include "graph/onnx_read.h"

namespace quench::graph {

/// Any ONNX model as far as a runtime that reads the file itself needs it: the Graph has no nodes, but edges for the
/// model's inputs (shapes for one image, whatever the first dimension says) and outputs (names alone). Inputs that the
/// file holds as constants are left out. Throws Error{io}; Error{data} for what is no ONNX model, and for inputs
/// without a shape.
ModelFile read_interface(const std::filesystem::path& path);

}  // namespace quench::graph
