#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/tensor.h"
#include "graph/graph.h"
#include "graph/input_normalization.h"
#include "pixels/preparation.h"

namespace quench::weights {

/// Tensors by name: floats as float32, whole numbers as they are (Element, dtype_of).
using NamedTensors = std::map<std::string, Tensor>;

/// How a file says that its model's images are prepared.
struct Preprocessing {
  int imgsz = 0;                                      ///< side of the square input in pixels; 0: the file has none
  std::optional<graph::Normalization> normalization;  ///< none where the model sees values from 0 to 1
  /// How they become squares; quench's own way where the file says nothing of it.
  pixels::Preparation pictures;
  /// What the file's transforms do besides, and we do not.
  std::vector<std::string> differences;
};

/// What a file of weights says. Module paths are those of the file (`model.2.m.0.cv1.conv`).
struct Checkpoint {
  std::string format;  ///< "torch" or "safetensors"
  std::string part;    ///< what of a torch file was read: "ema", "model", "state_dict", or "module" (the file is one)
  NamedTensors tensors;
  std::vector<std::string> classes;  ///< names, in order; empty where the file has none
  std::vector<double> strides;       ///< of the head's levels, in input pixels; empty where the file has none

  // What a file of whole modules says besides tensors; empty for a flat one. By module path.
  std::map<std::string, graph::ConvAttributes> convolutions;
  std::map<std::string, graph::BatchNormAttributes> norms;
  std::map<std::string, std::string> activations;  ///< class names: "SiLU"
  Preprocessing preprocessing;
};

/// Reads a file of weights, of whichever kind its first bytes say. What a file puts before the rows' numbers
/// ("module.model.", "net.", nothing) becomes "model."; of a model and the mean of its weights in one flat file, the
/// mean is read.
/// Throws Error{data} naming `where` for bytes that are malformed or of no such kind, Error{unsupported} for kinds that
/// are known and not read (torch's format before 1.6, TorchScript, big-endian).
Checkpoint read_checkpoint(std::string_view bytes, std::string_view where);

}  // namespace quench::weights
