#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "core/file.h"
#include "core/json.h"
#include "core/text.h"

namespace quench {

namespace fs = std::filesystem;

struct Outcome {
  int code;
  std::string out;
  std::string err;
};

/// Runs programs in a folder of its own.
class ProgramTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / fmt::format("quench-program-{}", ::getpid());
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  /// A shell command line, run in the folder.
  Outcome run(const std::string& command) const {
    const std::string err = (folder_ / "stderr").string(), out = (folder_ / "stdout").string();
    const int state = std::system(fmt::format("cd {} && {} >{} 2>{}", folder_.string(), command, out, err).c_str());
    return {WEXITSTATUS(state), read_file(out), read_file(err)};
  }

  /// One line on stderr, that begins with the program's name and has all of `parts`; nothing on stdout; the exit code.
  static void expect_error_line(const Outcome& outcome, const std::string& program, const std::string& what, int code,
                                const std::vector<std::string>& parts) {
    EXPECT_EQ(outcome.code, code) << what << "\n" << outcome.err;
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << what << "\n" << outcome.err;
    EXPECT_EQ(outcome.err.rfind(program + ": ", 0), 0u) << outcome.err;
    for (const std::string& part : parts) EXPECT_NE(outcome.err.find(part), std::string::npos) << outcome.err;
    EXPECT_EQ(outcome.out, "");
  }

  fs::path folder_;
};

}  // namespace quench
