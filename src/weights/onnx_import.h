#pragma once

#include <filesystem>
#include <string_view>

#include "graph/graph.h"
#include "weights/import.h"

namespace quench::weights {

/// The Graph of an ONNX file that another tool wrote.
///
/// YOLOv5, YOLOv5u and YOLOv8, detectors and classifiers with any multipliers of depth and width, are found by the
/// wiring of their operators (match_graph), whatever these are called, with batch norm or folded. They become the Graph
/// of models::build with the file's weights; what stands behind the raw outputs is left out (decoding is code), but run
/// once on seeded values and compared with models::decode, and a YOLOv5's anchors are read off it. Class names are
/// those of metadata `names`. Any other network of operators that a Graph has becomes a Graph with `task: none`, whose
/// scores are differences from another model's outputs.
///
/// Metadata: `source` (`where`); `import_notes`, what the user should know, where there is anything. folder: where
/// external data lie. options.imgsz: of the input where the file leaves it open, and of a detector or classifier
/// otherwise. options.model: the model that it must be.
/// Throws Error{unsupported} that counts the operators which a Graph does not have, and as onnx::read_document and
/// onnx::read_raw_graph; Error{data} where `options.model` is another, Error{config} for class names that do not fit.
graph::Graph import_onnx(std::string_view bytes, const std::filesystem::path& folder, const ImportOptions& options,
                         std::string_view where);

}  // namespace quench::weights
