#include "why/quantize_call.h"

#include <fmt/ranges.h>

namespace quench::why {

std::string float_model(const Findings& findings) {
  return findings.against.empty() ? "FLOAT.onnx" : shell_word(findings.against);
}

std::string data_of(const Findings& findings) { return findings.data.empty() ? "DATA" : shell_word(findings.data); }

QuantizeCall::QuantizeCall(const Findings& findings) : model_(float_model(findings)), data_(data_of(findings)) {
  const auto keep = [&](const char* key, const char* flag, const std::string& otherwise) {
    const auto found = findings.metadata.find(key);
    if (found != findings.metadata.end() && !found->second.empty() && found->second != otherwise) {
      flags_[flag] = found->second;
    }
  };
  keep("target", "target", "native");
  keep("observer", "observer", "mse");
  keep("weights", "weights", "per_channel");
  keep("weight_scales_by", "weight-scales", "max_abs");
  keep("scales", "scales", "float");
  keep("levels", "levels", "uniform");
  keep("group_size", "group-size", "0");
  keep("requantization", "requantization", "float");
  keep("activations", "activations", "asymmetric");
  keep("activation_scales", "activation-scales", "static");
  keep("bits_w", "bits-w", "8");
  keep("bits_a", "bits-a", "8");
  keep("layer_bits", "layer-bits", "");
  keep("calibration_images", "calibration-images", "512");
  for (const LayerFinding& layer : findings.layers) {
    if (layer.head && layer.convolution && layer.integer) flags_["quantize-head"] = "";
    const bool named = layer.bits_w == 0 && !(layer.head && layer.convolution);
    if (named) float_layers_.push_back(layer.layer);
  }
}

QuantizeCall& QuantizeCall::with(const std::string& flag, const std::string& value) {
  flags_[flag] = value;
  return *this;
}

QuantizeCall& QuantizeCall::without(const std::string& flag) {
  flags_.erase(flag);
  return *this;
}

QuantizeCall& QuantizeCall::in_float(const std::vector<std::string>& layers) {
  float_layers_.insert(float_layers_.end(), layers.begin(), layers.end());
  return *this;
}

QuantizeCall& QuantizeCall::none_named() {
  float_layers_.clear();
  return *this;
}

std::string QuantizeCall::text() const {
  std::string out = fmt::format("quench quantize {} --data {}", model_, data_);
  for (const auto& [flag, value] : flags_) {
    out += " --" + flag;
    if (!value.empty()) out += " " + shell_word(value);
  }
  if (!float_layers_.empty()) {
    out += " --float-layers " + shell_word(fmt::format("{}", fmt::join(float_layers_, ",")));
  }
  return out + " -o mended.onnx";
}

}  // namespace quench::why
