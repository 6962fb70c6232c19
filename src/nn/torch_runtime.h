#pragma once

#include <memory>

#include "runtime/runtime.h"

namespace quench::nn {

/// Runtime `torch`: the reference. Folds batch norm, simulates quantization in float32 (fake-quantize). Sets LibTorch's
/// intra-op threads to the session's at each run.
std::unique_ptr<runtime::Runtime> torch_runtime();

}  // namespace quench::nn
