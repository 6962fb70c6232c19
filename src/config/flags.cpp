#include "config/flags.h"

#include <algorithm>

#include "core/shell_word.h"

namespace quench::config {
namespace {

std::string value_text(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array()) return value.dump();
  std::string out;
  for (const Json& entry : value) out += (out.empty() ? "" : ",") + value_text(entry);
  return out;
}

}  // namespace

std::string flags(const OptionSet& options, const Json& settings) {
  std::string out;
  for (const Option& option : options.options()) {
    if (!settings.contains(option.name)) continue;
    const Json& value = settings[option.name];
    if (value.is_null() || value == option.default_value) continue;
    std::string flag = option.also.empty() ? option.name : option.also;
    std::ranges::replace(flag, '_', '-');
    if (option.type == OptionType::boolean) {
      out += (value.get<bool>() ? " --" : " --no-") + flag;
    } else {
      out += " --" + flag + " " + shell_word(value_text(value));
    }
  }
  return out;
}

}  // namespace quench::config
