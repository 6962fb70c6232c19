#pragma once

#include <filesystem>

#include "graph/onnx_read.h"

namespace quench::agent {

/// The model of a file, as graph::read_model. Throws Error{config} for weights (.pt, .safetensors), which are imported
/// elsewhere, with the command that does it.
graph::ModelFile read_model(const std::filesystem::path& path);

}  // namespace quench::agent
