#pragma once

#include <vector>

#include "config/option.h"
#include "core/json.h"
#include "graph/onnx_read.h"

namespace quench::cli {

/// Of `predict`: how the raw outputs for a picture are read.
config::OptionSet reading_options();

/// Throws Error{config} for a setting of reading_options in `given` (what the user said), where the
/// task of no model has it: the confidence of a classifier, say.
void require_settings_of_tasks(const Json& given, const std::vector<graph::ModelFile>& models);

}  // namespace quench::cli
