#pragma once

#include <filesystem>
#include <string>

#include "core/log.h"
#include "graph/graph.h"

namespace quench::steps {

/// The weights that a training of `model` (a name) may start from: a checkpoint (.pt, .safetensors), or an ONNX file of
/// ours, of that model or of the one of the same size for another task (a classifier from a detector's backbone).
/// Throws Error{config} for a quantized model and one of another name, Error{io}, Error{data}.
graph::Graph read_start(const std::filesystem::path& file, const std::string& model, int imgsz, const LogSink& log);

/// A model with the tensors of another, and a sentence of how many those are.
struct Started {
  graph::Graph graph;
  std::string told;
};

/// `fresh` (built, with initial weights) with the tensors of `given` that fit; of the head, the rows of classes that
/// have the same names. Its batch norms are folded where those of `given` are, and it normalises its input where
/// `given` does. file: for messages. Throws Error{data} where no tensor fits.
Started start_from(const graph::Graph& given, graph::Graph fresh, const std::filesystem::path& file);

}  // namespace quench::steps
