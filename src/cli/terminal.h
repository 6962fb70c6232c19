#pragma once

#include <cstdint>
#include <string>

#include "core/log.h"

namespace quench::cli {

/// Messages and progress on standard error. On a terminal, progress lines replace one another; elsewhere one in ten
/// seconds is printed.
class Terminal {
 public:
  Terminal();
  LogSink sink();
  /// Leaves the cursor on a fresh line.
  void end_progress();

 private:
  void message(LogLevel level, std::string_view text);
  void progress(std::string_view text);

  bool is_terminal_;
  bool line_open_ = false;
  int64_t printed_ns_ = 0;
};

}  // namespace quench::cli
