#include "calibration/command.h"

#include <fmt/format.h>

#include "config/flags.h"
#include "config/tables.h"
#include "core/shell_word.h"

namespace quench::calibration {
std::string quantize_command(const std::string& model, const Json& settings, const std::string& settings_file) {
  Json data = settings;
  std::string out = fmt::format("quench quantize {} --data {}", shell_word(model),
                                shell_word(settings.at("data").get<std::string>()));
  data.erase("data");
  out += config::flags(config::data_options(), data) +
         config::flags(config::quantize_options().without({"calibration_list"}), settings);
  if (!settings_file.empty()) out += " --config " + shell_word(settings_file);
  return out + " -o q.onnx";
}

std::string list_yaml(const std::vector<int64_t>& pictures) {
  std::string out =
      "# Training images to calibrate on, by number from 0: quench quantize --config FILE\ncalibration_list: [";
  for (size_t i = 0; i < pictures.size(); ++i) {
    out += fmt::format("{}'{}'", i == 0 ? "" : i % 16 == 0 ? ",\n  " : ", ", pictures[i]);
  }
  return out + "]\n";
}

}  // namespace quench::calibration
