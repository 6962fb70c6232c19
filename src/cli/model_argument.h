#pragma once

#include <string>
#include <vector>

#include "core/json.h"
#include "graph/onnx_read.h"
#include "program/command.h"

namespace quench::cli {

/// Throws Error{config} where `stem_stride` or `classes` is set and all of `models` are files, which have their own.
void require_a_name(const std::vector<std::string>& models, const Json& settings);

/// MODEL on the command line: a file where it is one (or looks like a path), else a model by name, built with
/// initial weights. A file is ONNX of ours, or weights (.pt, .safetensors), which are imported into the cache
/// (weights/model_file.h). `settings`: imgsz (a number, or a text "640" or "480x640", height x width), stem_stride,
/// classes. For a file, `imgsz` re-infers shapes. Throws Error{config} naming the nearest model, Error{io},
/// Error{data}.
graph::Graph open_graph(const std::string& name_or_path, const Json& settings, const program::Environment& environment);

/// The same with the bytes that a runtime loads, and their hash: those of the file, or of the model as it would be
/// written.
graph::ModelFile open_model(const std::string& name_or_path, const Json& settings,
                            const program::Environment& environment);

/// MODEL of a command that needs weights: a file, or the name of released weights that were fetched. Throws
/// Error{config} for another model by name, saying how to make a file
/// of it, and for what could be one misspelt, Error{io}, Error{data}.
graph::ModelFile open_file(const std::string& path, const program::Environment& environment);

/// What was given, or, where no such file is there and it is the name of released weights (yolov8n, yolov8n.pt), the
/// file that `quench fetch` brought. Throws Error{config} where they were not fetched, with the command.
std::string released_or(const std::string& given, const program::Environment& environment);

}  // namespace quench::cli
