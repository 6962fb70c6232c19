#pragma once

#include <filesystem>

#include "graph/graph.h"

namespace quench::train {

/// The model of a training's best epoch so far, `best.onnx` in its folder, with checksums beside it in
/// `best.onnx.sha256`: of this model and of the one that it replaces, so that after a kill between the two files
/// whichever lies there is known. Throws Error{io}.
void keep_best_model(const std::filesystem::path& folder, const graph::Graph& graph);

/// Reads it. Throws Error{io} where it is not there, Error{data} where it is no model or not one that was written
/// there. One without a file of checksums, which versions before them left, is taken as it is.
graph::Graph read_best_model(const std::filesystem::path& folder);

}  // namespace quench::train
