#pragma once

#include <string_view>

#include "weights/checkpoint.h"

namespace quench::weights {

/// Reads a file of torch.save (1.6 or later: a zip archive): a dict whose `ema` or `model` is a module or a state_dict
/// (`ema` first, the averaged weights), a dict with `state_dict`, a state_dict, or a module itself. Modules are read as
/// records: their `_modules`, `_parameters` and `_buffers`, and what convolutions, batch norms, activations and the
/// head say of themselves. Nothing in the file is run (pickle.h). Throws Error{data} or Error{unsupported}, naming
/// `where`.
Checkpoint read_torch(std::string_view bytes, std::string_view where);

}  // namespace quench::weights
