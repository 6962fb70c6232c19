#include "cli/program.h"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <iostream>

#include "cli/parse.h"
#include "cli/terminal.h"
#include "core/error.h"
#include "core/text.h"

namespace quench::cli {
namespace {

CancelToken interrupt;  // the one global: a signal handler can reach nothing else

void on_signal(int number) {
  if (interrupt.cancelled()) std::_Exit(128 + number);  // asked twice
  interrupt.cancel();
}

int exit_code(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::config:
    case ErrorKind::data: return kUsage;
    case ErrorKind::cancelled: return kInterrupted;
    default: return kEnvironment;
  }
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

Environment make_environment(const Program& program, Terminal& terminal) {
  Environment environment;
  environment.log = terminal.sink();
  environment.cancel = &interrupt;
  environment.version = program.version;
  const char* quench_data = std::getenv("QUENCH_DATA");
  const char* home = std::getenv("HOME");
  const std::filesystem::path cache = std::filesystem::path(home ? home : ".") / ".cache/quench";
  environment.data_root = quench_data && *quench_data ? std::filesystem::path(quench_data) : cache;
  const char* search_path = std::getenv("PATH");
  environment.places = {search_path ? search_path : "", cache};
  return environment;
}

Terminal::Form form_of(const Json& flags) {
  const auto found = flags.find("progress");
  if (found == flags.end() || *found == "text") return Terminal::Form::text;
  return *found == "json" ? Terminal::Form::json : Terminal::Form::none;
}

int run_command(const Program& program, const Parsed& parsed, Terminal& terminal) {
  const Environment environment = make_environment(program, terminal);
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  try {
    const CommandFunction run = parsed.chosen->run ? parsed.chosen->run : program.otherwise;
    const int code = run(parsed.invocation, environment);
    terminal.end_progress();
    std::cout.flush();
    if (!std::cout) fail(ErrorKind::io, "[cli] cannot write the output (standard output is closed or full)");
    return code;
  } catch (const Error& error) {
    terminal.error(to_string(error.kind()), error.what());
    return exit_code(error.kind());
  } catch (const std::exception& error) {
    terminal.error("internal", fmt::format("internal error: {}", error.what()));
    return kEnvironment;
  }
}

}  // namespace

int run_program(const Program& program, int argc, char** argv) {
  CLI::App app{program.description, program.name};
  app.set_version_flag("--version", program.version);
  app.set_help_all_flag("--help-all", "Help of all commands");
  Parsed parsed;
  Terminal terminal(program.name);
  try {
    add_commands(app, *program.commands, parsed);
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    const std::string cause = unknown_word(app, argc, argv);
    terminal.error("config", cause.empty() ? error.what() : cause);
    return kUsage;
  } catch (const Error& error) {
    terminal.error(to_string(error.kind()), error.what());
    return kUsage;
  }
  terminal.set_form(form_of(parsed.invocation.flags));
  return run_command(program, parsed, terminal);
}

}  // namespace quench::cli
