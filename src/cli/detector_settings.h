#pragma once

#include <vector>

#include "core/json.h"
#include "graph/onnx_read.h"

namespace quench::cli {

/// Throws Error{config} for a setting of `given` (what the user said) that only detectors have, where no model is one.
void require_detector(const Json& given, const std::vector<graph::ModelFile>& models);

}  // namespace quench::cli
