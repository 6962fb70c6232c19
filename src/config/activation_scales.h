#pragma once

#include <string_view>

#include "core/json.h"

namespace quench::config {

/// Whether `quantize` under these settings leaves scales of activations to be found as the model runs.
bool has_dynamic_activations(const Json& settings);

/// Whether `quantize` under these effective settings looks at images: for ranges of activations, or for scales of
/// weights that go by the layer's output.
bool quantize_looks_at_images(const Json& settings);

/// Throws Error{config} naming `where` for effective settings of `quantize` that dynamic scales of activations exclude:
/// another target than native and onnxruntime, symmetric activations, other widths than 8 bits of activations, tables
/// of SiLU, scales that are powers of two, and a choice of images where none is looked at.
void require_activation_scales(const Json& settings, std::string_view where);

}  // namespace quench::config
