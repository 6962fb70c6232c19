#include "calibration/command.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/tables.h"
#include "core/shell_word.h"

namespace quench::calibration {
namespace {

std::string value_text(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array()) return value.dump();
  std::string out;
  for (const Json& entry : value) out += (out.empty() ? "" : ",") + entry.get<std::string>();
  return out;
}

std::string flags_of(const config::OptionSet& options, const Json& settings) {
  std::string out;
  for (const config::Option& option : options.options()) {
    if (!settings.contains(option.name) || option.name == "calibration_list") continue;
    const Json& value = settings[option.name];
    if (value.is_null() || value == option.default_value) continue;
    std::string flag = option.name;
    std::ranges::replace(flag, '_', '-');
    out += " --" + flag;
    if (option.type != config::OptionType::boolean) out += " " + shell_word(value_text(value));
  }
  return out;
}

}  // namespace

std::string quantize_command(const std::string& model, const Json& settings, const std::string& settings_file) {
  Json data = settings;
  std::string out = fmt::format("quench quantize {} --data {}", shell_word(model),
                                shell_word(settings.at("data").get<std::string>()));
  data.erase("data");
  out += flags_of(config::data_options(), data) + flags_of(config::quantize_options(), settings);
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
