#include "program/parse.h"

#include <algorithm>
#include <filesystem>

#include "core/error.h"
#include "core/printable.h"
#include "core/text.h"
#include "core/utf8.h"

namespace quench::program {
namespace {

using config::Option;
using config::OptionType;

std::string flag_of(const std::string& name) {
  std::string flag = name;
  std::replace(flag.begin(), flag.end(), '_', '-');
  return "--" + flag;
}

template <typename T>
T parse_as(const std::string& flag, const std::string& text, const char* expected) {
  T value{};
  if (!CLI::detail::lexical_cast(text, value)) {
    fail(ErrorKind::config, "{}: expected {}, got '{}'", flag, expected, text);
  }
  return value;
}

/// Settings go into records, models and checkpoints, which hold text in UTF-8.
void require_utf8(const std::string& flag, const std::string& text) {
  if (utf8_prefix(text) == text.size()) return;
  fail(ErrorKind::config, "{}: expected text in UTF-8, got '{}'", flag, printable(text));
}

Json value_of(const Option& option, const std::string& flag, const std::vector<std::string>& texts) {
  for (const std::string& text : texts) require_utf8(flag, text);
  switch (option.type) {
    case OptionType::integer: return parse_as<int64_t>(flag, texts.back(), "an integer");
    case OptionType::number: return parse_as<double>(flag, texts.back(), "a number");
    case OptionType::text_list: {
      Json list = Json::array();
      for (const std::string& text : texts) {
        if (std::error_code ignored; std::filesystem::exists(text, ignored)) {  // its name may have commas
          list.push_back(text);
          continue;
        }
        for (const std::string& part : split_text(text, ',')) list.push_back(part);
        if (text.empty() || text.ends_with(',')) list.push_back("");  // which the table refuses
      }
      return list;
    }
    default: return texts.back();
  }
}

std::string help_of(const Option& option) {
  std::string help = option.help;
  if (!option.choices.empty()) help += fmt::format(" {{{}}}", fmt::join(option.choices, ","));
  if (!option.default_value.is_null()) {
    const Json& value = option.default_value;
    const std::string text = value.is_string() ? value.get<std::string>()
                             : value.is_array()
                                 ? fmt::format("{}", fmt::join(value.get<std::vector<std::string>>(), ","))
                                 : value.dump();
    if (!text.empty()) help += fmt::format(" [{}]", text);
  }
  return help;
}

void add_option(CLI::App& app, const Option& option, Parsed& parsed) {
  const std::string flag = flag_of(option.name);
  const std::string name = option.name == "output" ? "-o," + flag
                           : option.also.empty()   ? flag
                                                   : fmt::format("{},--{}", flag, option.also);
  if (option.type == OptionType::boolean) {
    app.add_flag_function(
        fmt::format("{},!--no-{}", flag, flag.substr(2)),
        [&parsed, key = option.name](int64_t count) { parsed.invocation.flags[key] = count > 0; }, help_of(option));
    return;
  }
  const char* type = option.type == OptionType::integer ? "INT" : option.type == OptionType::number ? "NUMBER" : "TEXT";
  CLI::Option* added = app.add_option_function<std::vector<std::string>>(
      name,
      [&parsed, &option, flag](const std::vector<std::string>& texts) {
        parsed.invocation.flags[option.name] = value_of(option, flag, texts);
      },
      help_of(option));
  added->type_name(type);
  if (option.type == OptionType::text_list) {
    added->type_size(1)->expected(1, 1000)->type_name("TEXT,...");
  } else {
    added->expected(1)->allow_extra_args(false)->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  }
}

CLI::App* find_sub(CLI::App& app, const std::string& name) {
  const auto subs = app.get_subcommands([&](const CLI::App* sub) { return sub->get_name() == name; });
  return subs.empty() ? nullptr : subs.front();
}

CLI::App* sub_app(CLI::App& app, const std::string& name, const std::string& summary) {
  const std::vector<std::string> words = split_text(name, ' ');
  CLI::App* parent = &app;
  for (size_t i = 0; i + 1 < words.size(); ++i) {
    CLI::App* found = find_sub(*parent, words[i]);
    if (!found) {
      found = parent->add_subcommand(words[i]);
      found->require_subcommand(1);
    }
    parent = found;
  }
  return parent->add_subcommand(words.back(), summary);
}

void add_command(CLI::App& sub, const Command& command, Parsed& parsed) {
  if (command.max_inputs != 0) {
    sub.add_option(command.inputs.name, parsed.invocation.inputs, command.inputs.help)
        ->required(command.min_inputs > 0)
        ->expected(std::max(command.min_inputs, 1), command.max_inputs < 0 ? 10000 : command.max_inputs);
  }
  for (const Option& option : command.options.options()) add_option(sub, option, parsed);
  sub.callback([&parsed, &command] {
    parsed.chosen = &command;
    parsed.invocation.command = command.name;
  });
}

}  // namespace

void add_commands(CLI::App& app, const std::vector<Command>& commands, Parsed& parsed) {
  parsed.invocation.flags = Json::object();
  app.require_subcommand(1);
  app.add_subcommand("help", "This help, or that of a command")->silent();  // program.cpp reads it
  for (const Command& command : commands) {
    add_command(*sub_app(app, command.name, command.summary), command, parsed);
    if (command.old_name.empty()) continue;
    CLI::App* old = sub_app(app, command.old_name, command.summary);
    old->group("");  // hidden
    add_command(*old, command, parsed);
  }
  constexpr std::pair<const char*, const char*> kGroups[] = {
      {"data", "Data sets: list, fetch, show, check, pack"},
      {"study", "Studies: init, plan, run, status, archive, verify, reference"},
      {"devices", "Devices: list, show, forecast latencies, plan measurements, fit the forecast"}};
  for (const auto& [group, description] : kGroups) {
    if (CLI::App* sub = find_sub(app, group)) sub->description(description);
  }
}

}  // namespace quench::program
