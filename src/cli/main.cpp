#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <iostream>

#include "cli/lab.h"
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

int usage_error(const CLI::App& app, const CLI::ParseError& error, int argc, char** argv) {
  const std::string cause = unknown_word(app, argc, argv);
  std::cerr << "quench: " << (cause.empty() ? error.what() : cause) << "\n";
  return kUsage;
}

int run(int argc, char** argv) {
  CLI::App app{"quench: train YOLO, quantize it, run the real integers, compare.", "quench"};
  app.set_version_flag("--version", QUENCH_VERSION);
  app.set_help_all_flag("--help-all", "Help of all commands");
  Parsed parsed;
  Terminal terminal;
  try {
    add_commands(app, parsed);
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    return usage_error(app, error, argc, argv);
  } catch (const Error& error) {
    std::cerr << "quench: " << error.what() << "\n";
    return kUsage;
  }

  Environment environment;
  environment.log = terminal.sink();
  environment.cancel = &interrupt;
  environment.version = QUENCH_VERSION;
  const char* quench_data = std::getenv("QUENCH_DATA");
  const char* home = std::getenv("HOME");
  environment.data_root = quench_data && *quench_data ? std::filesystem::path(quench_data)
                                                      : std::filesystem::path(home ? home : ".") / ".cache/quench";
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);

  try {
    const int code = parsed.chosen->run ? parsed.chosen->run(parsed.invocation, environment)
                                        : run_in_lab(parsed.invocation, environment);
    terminal.end_progress();
    std::cout.flush();
    if (!std::cout) fail(ErrorKind::io, "[cli] cannot write the output (standard output is closed or full)");
    return code;
  } catch (const Error& error) {
    terminal.end_progress();
    std::cerr << "quench: " << error.what() << "\n";
    return exit_code(error.kind());
  } catch (const std::exception& error) {
    terminal.end_progress();
    std::cerr << "quench: internal error: " << error.what() << "\n";
    return kEnvironment;
  }
}

}  // namespace
}  // namespace quench::cli

int main(int argc, char** argv) { return quench::cli::run(argc, argv); }
