#pragma once

#include <string_view>

namespace quench {

/// Whether a name ends as files of weights do, which are imported before they are used.
constexpr bool is_weights_name(std::string_view name) {
  return name.ends_with(".pt") || name.ends_with(".pth") || name.ends_with(".safetensors");
}

/// Likewise, or as ONNX files do.
constexpr bool is_model_file_name(std::string_view name) { return is_weights_name(name) || name.ends_with(".onnx"); }

}  // namespace quench
