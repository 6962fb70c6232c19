#include "config/option.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/json_text.h"
#include "core/text.h"

namespace quench::config {
namespace {

const char* expected(OptionType type) {
  switch (type) {
    case OptionType::boolean: return "true or false";
    case OptionType::integer: return "an integer";
    case OptionType::number: return "a number";
    case OptionType::text: return "a text";
    case OptionType::text_list: return "a list of texts";
  }
  return "a value";
}

bool fits(const Json& value, OptionType type) {
  switch (type) {
    case OptionType::boolean: return value.is_boolean();
    case OptionType::integer: return value.is_number_integer();
    case OptionType::number: return value.is_number();
    case OptionType::text: return value.is_string();
    case OptionType::text_list:
      return value.is_array() && std::all_of(value.begin(), value.end(), [](const Json& x) { return x.is_string(); });
  }
  return false;
}

/// As a person reads it: JSON has no text for numbers that are not finite.
std::string shown(const Json& value) {
  return value.is_number_float() && !std::isfinite(value.get<double>()) ? fmt::format("{}", value.get<double>())
                                                                        : json_text(value);
}

/// YAML reads `[8, float]` as a number and a text: integers in a list of texts are their digits.
Json with_digits(const Json& value, OptionType type) {
  if (type != OptionType::text_list || !value.is_array()) return value;
  Json texts = value;
  for (Json& item : texts) {
    if (item.is_number_integer()) item = item.dump();
  }
  return texts;
}

void check(const Option& option, const Json& value, std::string_view where) {
  if (!fits(value, option.type)) {
    fail(ErrorKind::config, "{}: expected {} for '{}', got {}", where, expected(option.type), option.name,
         shown(value));
  }
  if (option.type == OptionType::text_list && std::ranges::count(value, "") > 0) {
    fail(ErrorKind::config, "{}: expected texts that are not empty for '{}', got {}", where, option.name, shown(value));
  }
  if (value.is_number()) {
    const auto number = value.get<double>();
    if (!std::isfinite(number)) {
      fail(ErrorKind::config, "{}: expected a finite number for '{}', got {}", where, option.name, shown(value));
    }
    if ((option.min && !(number >= *option.min)) || (option.max && !(number <= *option.max))) {
      fail(ErrorKind::config, "{}: expected '{}' {}{}, got {}", where, option.name,
           option.min ? fmt::format("at least {}", *option.min) : "",
           option.max ? fmt::format("{}at most {}", option.min ? " and " : "", *option.max) : "", shown(value));
    }
  }
  if (option.choices.empty()) return;
  for (const Json& item : value.is_array() ? value : Json::array({value})) {
    if (!item.is_string() || std::count(option.choices.begin(), option.choices.end(), item.get<std::string>()))
      continue;
    fail(ErrorKind::config, "{}: expected one of {} for '{}', got '{}'", where, fmt::join(option.choices, ", "),
         option.name, item.get<std::string>());
  }
}

}  // namespace

const Option* OptionSet::find(std::string_view name) const {
  const auto found = std::find_if(options_.begin(), options_.end(), [&](const Option& o) { return o.name == name; });
  return found == options_.end() ? nullptr : &*found;
}

OptionSet OptionSet::operator+(const OptionSet& other) const {
  std::vector<Option> all = options_;
  for (const Option& option : other.options_) {
    ensure(!find(option.name), "[config] option '{}' is in two tables", option.name);
    all.push_back(option);
  }
  return all;
}

OptionSet OptionSet::with_default(std::string_view name, Json value) const {
  OptionSet copy = *this;
  for (Option& option : copy.options_) {
    if (option.name == name) {
      option.default_value = std::move(value);
      return copy;
    }
  }
  fail(ErrorKind::internal, "[config] no option '{}'", name);
}

OptionSet OptionSet::without(const std::vector<std::string>& names) const {
  std::vector<Option> kept = options_;
  for (const std::string& name : names) {
    ensure(find(name), "[config] no option '{}'", name);
    std::erase_if(kept, [&](const Option& option) { return option.name == name; });
  }
  return kept;
}

OptionSet OptionSet::only(const std::vector<std::string>& names) const {
  std::vector<Option> kept;
  for (const std::string& name : names) {
    const Option* option = find(name);
    ensure(option, "[config] no option '{}'", name);
    kept.push_back(*option);
  }
  return kept;
}

Json OptionSet::part_of(const Json& values) const {
  Json part = Json::object();
  for (const auto& [name, value] : values.items()) {
    if (find(name)) part[name] = value;
  }
  return part;
}

Json OptionSet::defaults() const {
  Json values = Json::object();
  for (const Option& option : options_) {
    if (!option.optional) values[option.name] = option.default_value;
  }
  return values;
}

Json OptionSet::checked(const Json& values, std::string_view where) const {
  if (!values.is_object()) fail(ErrorKind::config, "{}: expected a map of settings, got {}", where, json_text(values));
  Json out = defaults();
  for (const auto& [name, given] : values.items()) {
    const Option* option = find(name);
    if (!option) {
      std::vector<std::string> known;
      for (const Option& o : options_) known.push_back(o.name);
      fail(ErrorKind::config, "{}: unknown key '{}'{}", where, name, suggestion(name, known));
    }
    if (given.is_null() && option->default_value.is_null()) continue;
    const Json value = with_digits(given, option->type);
    check(*option, value, where);
    // 4 and 4.0 are one setting: what is hashed must not tell them apart.
    out[name] = option->type == OptionType::number ? Json(value.get<double>()) : value;
  }
  return out;
}

}  // namespace quench::config
