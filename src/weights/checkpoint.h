#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/tensor.h"
#include "graph/graph.h"

namespace quench::weights {

/// Tensors by name: floats as float32, whole numbers as they are (Element, dtype_of).
using NamedTensors = std::map<std::string, Tensor>;

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
};

/// Reads a file of weights, of whichever kind its first bytes say. Prefixes that wrappers put before every name
/// ("module.", a second "model.") are taken off.
/// Throws Error{data} naming `where` for bytes that are malformed or of no such kind, Error{unsupported} for kinds that
/// are known and not read (torch's format before 1.6, TorchScript, big-endian).
Checkpoint read_checkpoint(std::string_view bytes, std::string_view where);

}  // namespace quench::weights
