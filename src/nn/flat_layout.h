#pragma once

#include <ATen/Parallel.h>

#include "nn/kernels/flat.h"

namespace quench::nn {

/// As LibTorch's own operations run: on its number of threads.
inline kernels::FlatLayout flat_layout() { return {at::get_num_threads(), kernels::best_isa()}; }

}  // namespace quench::nn
