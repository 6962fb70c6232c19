#pragma once

#include "program_testing.h"

namespace quench {

/// Runs `quench` in a folder of its own.
class Cli : public ProgramTest {
 protected:
  Outcome quench(const std::string& arguments) const {
    return run(fmt::format("QUENCH_DATA={} {} {}", (folder_ / "no-data").string(), QUENCH_PROGRAM, arguments));
  }
  /// One line on stderr with all of `parts`, and the exit code.
  void expect_error(const std::string& arguments, int code, const std::vector<std::string>& parts) const {
    expect_error_line(quench(arguments), "quench", arguments, code, parts);
  }
};

}  // namespace quench
