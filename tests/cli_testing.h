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

/// Runs the program in a folder of its own.
class Cli : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / fmt::format("quench-cli-{}", ::getpid());
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  Outcome quench(const std::string& arguments) const {
    const std::string err = (folder_ / "stderr").string(), out = (folder_ / "stdout").string();
    const std::string line = fmt::format("cd {} && QUENCH_DATA={} {} {} >{} 2>{}", folder_.string(),
                                         (folder_ / "no-data").string(), QUENCH_PROGRAM, arguments, out, err);
    const int state = std::system(line.c_str());
    return {WEXITSTATUS(state), read_file(out), read_file(err)};
  }
  /// One line on stderr with all of `parts`, and the exit code.
  void expect_error(const std::string& arguments, int code, const std::vector<std::string>& parts) const {
    const Outcome outcome = quench(arguments);
    EXPECT_EQ(outcome.code, code) << arguments << "\n" << outcome.err;
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << arguments << "\n" << outcome.err;
    EXPECT_EQ(outcome.err.rfind("quench: ", 0), 0u) << outcome.err;
    for (const std::string& part : parts) EXPECT_NE(outcome.err.find(part), std::string::npos) << outcome.err;
    EXPECT_EQ(outcome.out, "");
  }

  fs::path folder_;
};

}  // namespace quench
