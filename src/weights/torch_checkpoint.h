#pragma once

#include <string_view>

#include "weights/checkpoint.h"

namespace quench::weights {

/// Reads a file of torch.save (1.6 or later: a zip archive): a module or a state_dict, itself or under the names by
/// which people save them (`ema` and its like first, the averaged weights; then `model`, `model_state_dict`,
/// `state_dict`, ...), also in a list, in a tuple or in an object that holds it. Modules are read as
/// records: their `_modules`, `_parameters` and `_buffers`, and what convolutions, batch norms, activations and the
/// head say of themselves. Nothing in the file is run (pickle.h). Throws Error{data} or Error{unsupported}, naming
/// `where`.
Checkpoint read_torch(std::string_view bytes, std::string_view where);

}  // namespace quench::weights
