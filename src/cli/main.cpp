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
    case ErrorKind::cancelled: return 130;
    default: return kEnvironment;
  }
}

/// CLI11's message, with the nearest sub-command where one was misspelt.
int usage_error(const CLI::App& app, const CLI::ParseError& error, int argc, char** argv) {
  std::string message = error.what();
  std::vector<std::string> words;
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; }))
    words.push_back(sub->get_name());
  if (argc > 1 && argv[1][0] != '-' && !std::count(words.begin(), words.end(), argv[1])) {
    message = fmt::format("unknown command '{}'{}", argv[1], suggestion(argv[1], words));
  }
  std::cerr << "quench: " << message << "\n";
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
