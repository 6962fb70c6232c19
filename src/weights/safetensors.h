#pragma once

#include <string_view>

#include "weights/checkpoint.h"

namespace quench::weights {

/// Reads a .safetensors file: 8 bytes little-endian length, a JSON header of that length, the tensors' bytes. The
/// header maps names to `dtype`, `shape` and `data_offsets` [begin, end) into the bytes. They must fill the bytes
/// without overlap or hole, as the format asks. Class names come from `__metadata__` `names`: a JSON list, or an object
/// by number. Throws Error{data} naming `where` and the tensor.
Checkpoint read_safetensors(std::string_view bytes, std::string_view where);

}  // namespace quench::weights
