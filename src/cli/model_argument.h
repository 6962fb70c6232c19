#pragma once

#include <string>

#include "core/json.h"
#include "graph/onnx_read.h"

namespace quench::cli {

/// MODEL on the command line: an ONNX file where it is one (or looks like a path), else a model by name, built with
/// initial weights. `settings`: imgsz, stem_stride, classes. For a file, `imgsz` re-infers shapes (the bytes then are
/// those of the changed model). Throws Error{config} naming the nearest model, Error{io}, Error{data}.
graph::ModelFile open_model(const std::string& name_or_path, const Json& settings);

}  // namespace quench::cli
