#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "config/option.h"
#include "core/cancel.h"
#include "core/json.h"
#include "core/log.h"
#include "core/places.h"

namespace quench::program {

/// What a command was called with.
struct Invocation {
  std::string command;              ///< "train", "study run"
  std::vector<std::string> inputs;  ///< positional arguments
  Json flags;                       ///< settings given on the command line, by option name
};

/// What surrounds a command.
struct Environment {
  LogSink log;
  const CancelToken* cancel = nullptr;
  std::filesystem::path data_root;  ///< $QUENCH_DATA, else ~/.cache/quench
  Places places;                    ///< $PATH, ~/.cache/quench
  /// Where device files are: those that come with quench, then the user's ($QUENCH_DEVICES, else
  /// ~/.config/quench/devices), as far as they exist.
  std::vector<std::filesystem::path> device_folders;
  std::string version;
};

/// Exit codes.
inline constexpr int kOk = 0;
inline constexpr int kCellFailed = 1;
inline constexpr int kUsage = 2;
inline constexpr int kEnvironment = 3;
inline constexpr int kInterrupted = 130;

using CommandFunction = int (*)(const Invocation&, const Environment&);

/// What a command's positional arguments are.
struct Inputs {
  std::string name;  ///< how they are called: "MODEL", "MODEL..."; "" for none
  std::string help;  ///< one line
};

/// One sub-command: the one place that names its inputs and settings.
struct Command {
  std::string name;  ///< words: "study run"
  std::string summary;
  Inputs inputs;
  int min_inputs = 0;
  int max_inputs = 0;  ///< -1: any number
  config::OptionSet options;
  CommandFunction run = nullptr;  ///< null: in a library (cli/lab.h)
  std::string old_name = {};      ///< that it once had: still understood, not in the help
};

/// The settings of an invocation: flags over the file of `--config` (where the command has it; read by the lab)
/// over defaults. Throws Error{config}.
Json settings(const Command& command, const Json& file_values, const Invocation& invocation);

/// Entry point of a library that serves commands, found by name when a command needs it.
using LibraryFunction = int (*)(const Invocation&, const Environment&);
inline constexpr const char* kLibraryEntry = "quench_library_run";

}  // namespace quench::program
