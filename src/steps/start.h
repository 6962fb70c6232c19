#pragma once

#include <filesystem>
#include <string>

#include "core/json.h"
#include "core/log.h"
#include "data/sets/dataset.h"
#include "data/sets/find.h"
#include "graph/graph.h"

namespace quench::steps {

using data::find_file;

/// The model that training starts from: of the name, image size and stem of `model` (values of config::model_options),
/// with the data's class names. `pretrained`, where set, names a checkpoint (.pt, .safetensors) or an ONNX file of
/// ours, whose tensors replace the initial ones; of the head, the rows of classes that have the same names. Where
/// its batch norms are folded, so are the model's (the step that trains gives it new ones: steps/unfold.h); where it
/// normalises its input, so does the model, and its way to prepare pictures is kept. New heads with anchors get ones that fit the data's boxes,
/// unless `auto_anchor` is off. Throws Error{config} for quantized weights and those of another model, Error{io},
/// Error{data}.
graph::Graph starting_graph(const Json& model, const data::Splits& data, uint64_t seed,
                            const std::filesystem::path& root, const LogSink& log);

}  // namespace quench::steps
