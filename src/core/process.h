#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/cancel.h"

namespace quench {

struct ProcessOptions {
  std::string_view input = {};  ///< what the program reads from its standard input; nothing: an empty one
  /// Called with each line as it comes, without its end; a last line without end too.
  std::function<void(std::string_view)> on_output = {};
  std::function<void(std::string_view)> on_error = {};
  size_t keep_bytes = size_t{1} << 20;       ///< of each stream's end, for the result
  size_t most_line_bytes = size_t{1} << 20;  ///< of a line that a listener waits for
  size_t most_bytes = 0;                     ///< of each stream; 0: any number
  double timeout_seconds = 0;                ///< 0: none
  /// Its standard input, after `input`, stays open until it ends, and ends with this process, however that ends: by
  /// this the program can know that nobody waits for it any more.
  bool hold_input = false;
  double end_seconds = 1;  ///< how long it has, after SIGTERM, to end by itself
  const CancelToken* cancel = nullptr;
};

struct ProcessResult {
  int exit_code = 0;  ///< 128 + signal where a signal ended it
  std::string output;
  std::string error;
  bool timed_out = false;
};

/// Runs a program to its end: no shell, arguments as they are; a name without '/' is searched as the system does. It is
/// ended (SIGTERM, `end_seconds` later SIGKILL) where `cancel` is set, which then throws Error{cancelled}, and where
/// the time is up. A program that an interrupt from the terminal ended throws Error{cancelled} too. Other ends are
/// results. Throws Error{io} where the program cannot be started, and where it writes more than `most_bytes`, or a
/// longer line than a listener takes: it is killed then.
ProcessResult run_process(const std::vector<std::string>& arguments, const ProcessOptions& options = {});

/// The last line of a text that is not blank; empty where there is none. For messages about a program that failed.
std::string last_line(std::string_view text);

}  // namespace quench
