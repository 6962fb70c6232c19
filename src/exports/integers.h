#pragma once

#include <filesystem>
#include <string>

#include "graph/onnx_read.h"

namespace quench::exports {

/// A quantized model as integers in files, with every layer's integers for one image, so that an implementation on an
/// FPGA or a microcontroller can be checked bit by bit: `folder/index.json`, and raw little-endian arrays beside it
/// (docs/export.md defines both). The values are those that the native engine computes, the constants those that it
/// computes with. image: [1,C,H,W] uint8, as the model's input. source: where the image came from, for the index alone.
/// Throws Error{config} for a model without integer layers or whose input is not pixels, and for a folder that is a
/// file, Error{unsupported} for ranges that are found as the model runs and for what the engine does not run,
/// Error{io}.
void write_integers(const graph::ModelFile& model, const Tensor& image, const std::string& source,
                    const std::filesystem::path& folder);

}  // namespace quench::exports
