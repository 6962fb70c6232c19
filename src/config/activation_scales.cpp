#include "config/activation_scales.h"

#include <string>

#include "core/error.h"

namespace quench::config {

bool has_dynamic_activations(const Json& settings) {
  return settings.value("activation_scales", std::string("static")) == "dynamic";
}

bool quantize_looks_at_images(const Json& settings) {
  return !has_dynamic_activations(settings) || settings.value("weight_scales", std::string("max_abs")) == "output_mse";
}

void require_activation_scales(const Json& settings, std::string_view where) {
  if (!has_dynamic_activations(settings)) return;
  const auto refuse = [&](std::string_view expected, std::string_view why) {
    fail(ErrorKind::config, "{}: expected {} with 'activation_scales: dynamic': {}", where, expected, why);
  };
  if (settings.at("target") == "tensorrt") {
    refuse("the target native or onnxruntime", "TensorRT takes scales that are in the file");
  }
  if (settings.at("target") == "openvino") {
    refuse("the target native or onnxruntime", "OpenVINO has no kernels for scales that are found as the model runs");
  }
  if (settings.at("activations") != "asymmetric") {
    refuse("'activations: asymmetric'", "the zero point goes by the values, too");
  }
  if (settings.at("bits_a") != 8) refuse("'bits_a: 8'", "ONNX's DynamicQuantizeLinear has 8 bits alone");
  for (const Json& entry : settings.at("layer_bits")) {
    const std::string text = entry.get<std::string>();
    const size_t width = text.find('a', text.rfind('=') + 1);
    if (text.rfind('=') == std::string::npos || width == std::string::npos || text.substr(width) == "a8") continue;
    refuse("no other width of activations than 8 bits in 'layer_bits'",
           "ONNX's DynamicQuantizeLinear has 8 bits alone");
  }
  if (settings.at("silu_tables").get<bool>()) refuse("no 'silu_tables'", "a SiLU reads floats there");
  if (settings.value("scales", std::string("float")) != "float") {
    refuse("'scales: float'", "a scale that goes by the values is no power of two");
  }
  if (quantize_looks_at_images(settings)) return;
  for (const char* name : {"calibration_list", "pictures"}) {
    if (settings.contains(name)) refuse("no '" + std::string(name) + "'", "no image is looked at");
  }
}

}  // namespace quench::config
