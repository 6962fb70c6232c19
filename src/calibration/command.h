#pragma once

#include <string>
#include <vector>

#include "core/json.h"

namespace quench::calibration {

/// "quench quantize y.onnx --data coco128 --observer mse -o q.onnx", for a shell: what `settings` (of the quantization
/// and the data) say beside the defaults; `calibration_list` stays out of it.
std::string quantize_command(const std::string& model, const Json& settings, const std::string& settings_file = "");

/// A file of settings that lists these pictures, for `quench quantize --config`.
std::string list_yaml(const std::vector<int64_t>& pictures);

}  // namespace quench::calibration
