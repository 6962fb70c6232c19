#pragma once

#include <vector>

#include "core/json.h"
#include "graph/onnx_read.h"

namespace quench::cli {

/// Throws Error{config} for a setting of `given` (what the user said) that says how raw outputs are read, where the
/// task of no model has it: the confidence of a classifier, say.
void require_settings_of_tasks(const Json& given, const std::vector<graph::ModelFile>& models);

}  // namespace quench::cli
