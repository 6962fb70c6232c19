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

/// The model that training starts from. model: values of config::model_options; `pretrained`, where set, names a
/// checkpoint (.pt, .safetensors) or an ONNX file of ours, and its tensors replace the initial ones. Where its classes
/// are not as many as the data's, the head starts anew: tensors of other shapes keep their initial values (said in the
/// log), and all else is taken over. New heads with anchors get ones that fit the data's boxes, unless `auto_anchor` is
/// off. Throws Error{config}, Error{io}, Error{data}.
graph::Graph starting_graph(const Json& model, const data::Splits& data, uint64_t seed,
                            const std::filesystem::path& root, const LogSink& log);

}  // namespace quench::steps
