// What tests of the programs in bench/peers share.
#pragma once

#include "program_testing.h"

namespace quench {

inline const fs::path kPeers = QUENCH_SOURCE_DIR "/bench/peers";

/// One of the programs in bench/peers, run by the machine's own Python.
class BenchProgram : public ProgramTest {
 protected:
  explicit BenchProgram(std::string program) : program_(std::move(program)) {}
  void SetUp() override {
    ProgramTest::SetUp();
    static const bool there =
        std::system("python3 -c 'import sys; sys.exit(sys.version_info < (3, 9))' >/dev/null 2>&1") == 0;
    if (!there) GTEST_SKIP() << "no python3 of version 3.9 or later on this machine";
  }
  Outcome bench(const std::string& arguments) const {
    return run(fmt::format("python3 {} {}", (kPeers / program_).string(), arguments));
  }
  static void expect_has(const std::string& text, const std::vector<std::string>& parts) {
    for (const std::string& part : parts) EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  }

 private:
  std::string program_;
};

}  // namespace quench
