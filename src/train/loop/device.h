#pragma once

#include <torch/types.h>

#include <string>

namespace quench::train {

/// "cpu", "cuda" or "cuda:N" as a device that is there. Throws Error{config} for another text and Error{unsupported}
/// with the reason where this LibTorch or machine has no such device.
torch::Device open_device(const std::string& text);

}  // namespace quench::train
