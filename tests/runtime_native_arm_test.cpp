// The kernels for ARM on random graphs, under QEMU: the same bits as this machine's, where quench-native-digest was
// cross-built (make test-agent).
#include <map>
#include <set>
#include <sstream>

#include "program_testing.h"
#include "runtime/native/isa.h"

namespace quench {
namespace {

/// By seed and threads.
using Digests = std::map<std::pair<int, int>, std::string>;

/// What differs from `expected`, for messages; empty: nothing.
std::string differences(const Digests& found, const Digests& expected) {
  std::string text;
  for (const auto& [key, digest] : expected) {
    const auto other = found.find(key);
    if (other == found.end() || other->second != digest) text += fmt::format(" {} ({} threads)", key.first, key.second);
  }
  return found.size() > expected.size() ? text + " more than expected" : text;
}

class NativeOnArm : public ProgramTest {
 protected:
  static constexpr int kGraphs = 100;

  void SetUp() override {
    if (std::system("command -v qemu-aarch64-static >/dev/null") != 0) GTEST_SKIP() << "needs qemu-aarch64-static";
    if (!fs::exists(program_)) GTEST_SKIP() << "needs " << program_.string() << " (make test-agent)";
    ProgramTest::SetUp();
  }

  /// By instruction set; "case": of the graphs and inputs themselves.
  std::map<std::string, Digests> digests(const std::string& program) const {
    const Outcome outcome = run(fmt::format("{} 0 {}", program, kGraphs));
    EXPECT_EQ(outcome.code, 0) << program << "\n" << outcome.err;
    std::map<std::string, Digests> all;
    std::istringstream lines(outcome.out);
    int seed = 0, threads = 0;
    std::string isa, digest;
    while (lines >> seed >> isa >> threads >> digest) all[isa][{seed, threads}] = digest;
    return all;
  }
  std::map<std::string, Digests> emulated(const std::string& cpu) const {
    return digests(fmt::format("qemu-aarch64-static -L /nonexistent -cpu {} {}", cpu, program_.string()));
  }

  const fs::path program_ = fs::path(QUENCH_SOURCE_DIR) / "build/agent-aarch64/quench-native-digest";
};

// Cortex-A57: ARMv8.0. max: with dot-product instructions.
TEST_F(NativeOnArm, RandomGraphsGiveTheSameBitsAsHere) {
  const auto here = digests(QUENCH_DIGEST_PROGRAM);
  ASSERT_EQ(here.size(), runtime::native::available_isas().size() + 1);
  const Digests &cases = here.at("case"), &expected = here.at("plain");
  ASSERT_EQ(expected.size(), 2u * kGraphs);
  std::set<std::string> different;
  for (const auto& [key, digest] : expected) different.insert(digest);
  EXPECT_GT(different.size(), kGraphs * 9u / 10) << "the graphs' outputs hardly differ: they prove little";
  for (const auto& [isa, found] : here) EXPECT_EQ(differences(found, isa == "case" ? cases : expected), "") << isa;
  const std::map<std::string, std::set<std::string>> sets{{"cortex-a57", {"case", "neon", "plain"}},
                                                          {"max", {"case", "neon-dot", "neon", "plain"}}};
  for (const auto& [cpu, isas] : sets) {
    const auto there = emulated(cpu);
    std::set<std::string> ran;
    for (const auto& [isa, found] : there) {
      ran.insert(isa);
      EXPECT_EQ(differences(found, isa == "case" ? cases : expected), "") << isa << " on " << cpu;
    }
    EXPECT_EQ(ran, isas) << cpu;
  }
}

}  // namespace
}  // namespace quench
