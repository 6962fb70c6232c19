#include "program/program.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <new>

#include "core/error.h"
#include "core/text.h"
#include "program/kept_inputs.h"
#include "program/parse.h"
#include "program/terminal.h"

namespace quench::program {
namespace {

CancelToken interrupt;  // the one global: a signal handler can reach nothing else

void on_signal(int number) {
  if (interrupt.cancelled()) std::_Exit(128 + number);  // asked twice
  interrupt.cancel();
}

std::vector<std::string> names_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(sub->get_name());
  return names;
}

/// What is wrong with the first word that is no command, or the first flag that its command does not have, with the
/// nearest one; empty where neither is the cause.
std::string unknown_word(const CLI::App& app, int argc, char** argv) {
  const CLI::App* command = &app;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const std::vector<std::string> names = names_of(*command);
    if (std::count(names.begin(), names.end(), word)) {
      command = command->get_subcommand(word);
    } else if (word.starts_with("--")) {
      const std::string flag = word.substr(0, word.find('='));
      if (command->get_option_no_throw(flag)) continue;
      std::vector<std::string> flags;
      for (const CLI::Option* option : command->get_options()) flags.push_back(option->get_name());
      return fmt::format("unknown flag '{}'{}", flag, suggestion(flag, flags));
    } else if (!names.empty()) {
      return fmt::format("unknown command '{}'{}", word, suggestion(word, names));
    }
  }
  return "";
}

/// What is wrong with words that are too many: one as other programs take settings (`source=a.jpg`), or those after a
/// flag that takes one value.
std::string word_too_many(const CLI::App& app, int argc, char** argv) {
  const CLI::App* command = &app;
  std::string flag;  // the last that has taken its value
  std::vector<std::string> words;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const std::vector<std::string> names = names_of(*command);
    if (std::count(names.begin(), names.end(), word)) {
      command = command->get_subcommand(word);
      continue;
    }
    if (word.starts_with('-') && word.size() > 1) {
      const CLI::Option* option = command->get_option_no_throw(word.substr(0, word.find('=')));
      const bool takes = option && option->get_items_expected_max() > 0 && word.find('=') == std::string::npos;
      flag = takes ? word : "";
      if (takes) ++i;
      continue;
    }
    const size_t equals = word.find('=');
    std::string named = "--" + word.substr(0, equals);
    std::ranges::replace(named, '_', '-');
    if (equals != std::string::npos && command->get_option_no_throw(named)) {
      return fmt::format("'{}': a setting is given as {} {}", word, named, word.substr(equals + 1));
    }
    if (equals != std::string::npos && word.starts_with("model=")) {
      return fmt::format("'{}': the model is given without `model=`: {}", word, word.substr(equals + 1));
    }
    if (!words.empty() && !flag.empty()) {
      return fmt::format("'{}' is one word too many: {} takes one value, and {} is the input already", word, flag,
                         words.front());
    }
    words.push_back(word);
  }
  if (words.size() > 1) {
    return fmt::format("expected fewer inputs, got {}: {}", words.size(), fmt::join(words, ", "));
  }
  return "";
}

/// An environment variable; empty where it is not set.
std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

/// The folder of device files beside the program (build folder), or where it was installed; then the user's own.
std::vector<std::filesystem::path> device_folders(const std::filesystem::path& home) {
  namespace fs = std::filesystem;
  std::error_code code;
  const fs::path here = fs::read_symlink("/proc/self/exe", code).parent_path();
  std::vector<fs::path> folders;
  for (const fs::path& folder : {here / "devices", here / "../share/quench/devices"}) {
    if (!fs::is_directory(folder, code)) continue;
    folders.push_back(folder);
    break;
  }
  const std::string own = variable("QUENCH_DEVICES"), config = variable("XDG_CONFIG_HOME");
  const fs::path standard = (config.empty() ? home / ".config" : fs::path(config)) / "quench/devices";
  if (!own.empty()) {
    folders.emplace_back(own);  // named, so it must be there
  } else if (fs::is_directory(standard, code)) {
    folders.push_back(standard);
  }
  return folders;
}

Environment make_environment(const Program& program, Terminal& terminal) {
  Environment environment;
  environment.log = terminal.sink();
  environment.cancel = &interrupt;
  environment.version = program.version;
  const std::string quench_data = variable("QUENCH_DATA"), home = variable("HOME");
  const std::filesystem::path home_folder = home.empty() ? "." : home;
  const std::filesystem::path cache = home_folder / ".cache/quench";
  environment.data_root = quench_data.empty() ? cache : std::filesystem::path(quench_data);
  std::error_code code;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", code);
  environment.places = {variable("PATH"), cache, self.parent_path()};
  environment.device_folders = device_folders(home_folder);
  return environment;
}

Terminal::Form form_of(const Json& flags) {
  const auto found = flags.find("progress");
  if (found == flags.end() || *found == "text") return Terminal::Form::text;
  return *found == "json" ? Terminal::Form::json : Terminal::Form::none;
}

/// "cannot read /a: Permission denied", from what the standard library says.
std::string refusal(const std::filesystem::filesystem_error& error) {
  const std::string other = error.path2().empty() ? "" : fmt::format(" and {}", error.path2().string());
  return fmt::format("the system refused {}{}: {}", error.path1().string(), other, error.code().message());
}

int run_command(const Program& program, const Parsed& parsed, Terminal& terminal) {
  const Environment environment = make_environment(program, terminal);
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  try {
    require_inputs_kept(parsed.invocation);
    const CommandFunction run = parsed.chosen->run ? parsed.chosen->run : program.otherwise;
    const int code = run(parsed.invocation, environment);
    terminal.end_progress();
    std::cout.flush();
    if (!std::cout) fail(ErrorKind::io, "[cli] cannot write the output (standard output is closed or full)");
    return code;
  } catch (const Error& error) {
    terminal.error(to_string(error.kind()), error.what());
    return exit_code(error.kind());
  } catch (const std::filesystem::filesystem_error& error) {
    terminal.error(to_string(ErrorKind::io), refusal(error));
    return kEnvironment;
  } catch (const std::bad_alloc&) {
    terminal.error(to_string(ErrorKind::io), "expected more memory than the system has left, or may give");
    return kEnvironment;
  } catch (const std::exception& error) {
    terminal.error("internal", fmt::format("internal error: {}", error.what()));
    return kEnvironment;
  }
}

}  // namespace

int exit_code(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::config:
    case ErrorKind::data: return kUsage;
    case ErrorKind::cancelled: return kInterrupted;
    default: return kEnvironment;
  }
}

namespace {

/// The arguments as CLI11 takes them, the last first; `help prune` is `prune --help`.
std::vector<std::string> arguments_reversed(int argc, char** argv) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  if (!arguments.empty() && arguments[0] == "help") {
    arguments.erase(arguments.begin());
    arguments.push_back("--help");
  }
  std::ranges::reverse(arguments);
  return arguments;
}

}  // namespace

int run_program(const Program& program, int argc, char** argv) {
  if (argc == 1 && program.overview) {
    std::cout << program.overview() << std::flush;
    return std::cout ? kOk : kEnvironment;
  }
  CLI::App app{program.description, program.name};
  app.set_version_flag("--version", program.version);
  app.set_help_all_flag("--help-all", "Help of all commands");
  Parsed parsed;
  Terminal terminal(program.name);
  try {
    add_commands(app, *program.commands, parsed);
    app.parse(arguments_reversed(argc, argv));
  } catch (const CLI::Success& success) {
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    std::string cause = unknown_word(app, argc, argv);
    if (cause.empty() && dynamic_cast<const CLI::ArgumentMismatch*>(&error)) {
      cause = word_too_many(app, argc, argv);
    }
    terminal.error("config", cause.empty() ? error.what() : cause);
    return kUsage;
  } catch (const Error& error) {
    terminal.error(to_string(error.kind()), error.what());
    return kUsage;
  }
  terminal.set_form(form_of(parsed.invocation.flags));
  return run_command(program, parsed, terminal);
}

}  // namespace quench::program
