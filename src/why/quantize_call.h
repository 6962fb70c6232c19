#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/shell_word.h"
#include "why/findings.h"

namespace quench::why {

/// The command that quantizes the float model again as it was, as far as the quantized one's metadata say, with
/// changes.
class QuantizeCall {
 public:
  explicit QuantizeCall(const Findings& findings);

  /// Sets a flag ("observer", "mse"); an empty value: a switch that is on.
  QuantizeCall& with(const std::string& flag, const std::string& value = "");
  /// Goes back to the flag's default.
  QuantizeCall& without(const std::string& flag);
  /// Keeps layers in float beside those that are.
  QuantizeCall& in_float(const std::vector<std::string>& layers);
  /// Keeps no layer in float that was named.
  QuantizeCall& none_named();

  /// "quench quantize y.onnx --data coco128 --observer mse -o mended.onnx", for a shell.
  std::string text() const;

 private:
  std::string model_, data_;
  std::map<std::string, std::string> flags_;
  std::vector<std::string> float_layers_;
};

/// Path of the float model for a command, or a word that stands for it.
std::string float_model(const Findings& findings);
/// And of the data.
std::string data_of(const Findings& findings);

}  // namespace quench::why
