// A device that answers to harm: `ssh` here is a script that runs what it is told on this machine, and the agent there
// is whatever the test wants.
#include "hostile_testing.h"

namespace quench {
namespace {

class HostileBoard : public Hostile {
 protected:
  void SetUp() override {
    Hostile::SetUp();
    make_model("m.onnx");
    fs::create_directories(folder_ / "board");
    path_ = std::getenv("PATH");
    ::setenv("PATH", ((folder_ / "bin").string() + ":" + path_).c_str(), 1);
    write_ssh("HOME=" + (folder_ / "board").string() + " exec sh -c \"$last\"");
  }
  void TearDown() override {
    ::setenv("PATH", path_.c_str(), 1);
    Hostile::TearDown();
  }
  /// What `ssh` does with the script `$last`; the end of a shared connection is left out.
  void write_ssh(const std::string& what) const {
    write_script("bin/ssh", "case \" $* \" in *\" -O \"*) exit 0;; esac\nfor last; do :; done\n" + what + "\n");
  }
  void write_script(const std::string& file, const std::string& text) const {
    write_file(folder_ / file, "#!/bin/sh\n" + text);
    fs::permissions(folder_ / file, fs::perms::owner_all);
  }
  /// `quench bench` on the board, whose agent is a script.
  std::string bench(const std::string& agent) const {
    write_script("agent", agent);
    return "bench m.onnx --device ssh://board --agent agent --format jsonl";
  }
  void expect_refused(const std::string& agent, int code, const std::vector<std::string>& parts) const {
    const Outcome outcome = quench(bench(agent));
    EXPECT_EQ(outcome.code, code) << outcome.err.substr(0, 500);
    EXPECT_EQ(outcome.out, "");
    EXPECT_FALSE(acts_on_terminals(outcome.err));
    std::string last = outcome.err.substr(0, outcome.err.size() - 1);
    last = last.substr(last.rfind('\n') + 1);
    EXPECT_EQ(last.rfind("quench: ", 0), 0u) << last.substr(0, 500);
    EXPECT_LT(last.size(), 5000u);
    for (const std::string& part : parts) EXPECT_NE(last.find(part), std::string::npos) << last.substr(0, 500);
    EXPECT_TRUE(fs::is_empty(folder_ / "board/.cache/quench-agent/jobs")) << "nothing is left there";
  }
  std::string path_;
};

const std::string kGood = R"(echo '{"schema":1,"status":"ok","cell":"c","device":"board","latency_p50_ns":5)";

TEST_F(HostileBoard, AnHonestOneIsHeard) {
  const Outcome outcome = quench(bench(kGood + "}'\n"));
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(parse_json(outcome.out, "out")["latency_p50_ns"], 5);
}

TEST_F(HostileBoard, NestedRepliesAreAnError) {
  const std::string deep = "head -c 200000 /dev/zero | tr '\\0' '['\n";
  expect_refused("printf '{\"schema\":1,\"config\":{\"a\":'\n" + deep + "echo\n", 2, {"board", "at most 256 deep"});
  expect_refused("{ printf '{\"event\":'\n" + deep + "echo; } >&2\nexit 3\n", 3, {"board", "exit code 3"});
}

TEST_F(HostileBoard, ItsMessagesDoNothingToTheTerminal) {
  const std::string words =
      R"(printf '{"event":"warning","text":"a\\u001b]0;owned\\u0007\\nquench: forged\\u202e"}\n' >&2
printf '{"event":"info","text":"\\u009b31m\\r"}\n' >&2
printf '{"event":"progress","phase":"\\u001b[2J","done":1e300,"total":-1e300,"seconds":1e300}\n' >&2
printf 'bare \033[31m words\n' >&2
)";
  const Outcome outcome = quench(bench(words + kGood + R"(,"host":"\u001b[1m","reason":"\u001b]2;x"}')" + "\n"));
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_FALSE(acts_on_terminals(outcome.out));
  EXPECT_FALSE(acts_on_terminals(outcome.err));
  EXPECT_EQ(outcome.err.find("\nquench: forged"), std::string::npos) << outcome.err;
  EXPECT_EQ(outcome.err.find("\xc2\x9b"), std::string::npos);
  expect_refused(words + "exit 9\n", 3, {"exit code 9", "bare \\x1b[31m words"});
  expect_refused(R"(printf '{"event":"error","kind":"data","text":"\\u001b[2Jgone\\nquench: fine"}\n' >&2; exit 2)", 2,
                 {"\\x1b[2Jgone quench: fine"});
  expect_refused(R"(printf '{"event":"error","kind":"cancelled","text":"stop all"}\n' >&2; exit 3)", 3, {"stop all"});
}

TEST_F(HostileBoard, EndlessRepliesEnd) {
  expect_refused("head -c 3000000 /dev/zero | tr '\\0' x\n", 3, {"ssh://board", "lines of at most 1048576 bytes"});
  expect_refused("head -c 3000000 /dev/zero | tr '\\0' x >&2; echo >&2\n" + kGood + "}'\n", 3,
                 {"ssh://board", "lines of at most 1048576 bytes"});
  write_ssh("exec yes");  // a login that never comes to its end
  expect_harmless_error(bench("exit 0\n"), 3, {"ssh://board", "268435456 bytes"});
  write_ssh("exec cat /dev/zero");
  expect_harmless_error(bench("exit 0\n"), 3, {"ssh://board", "lines of at most"});
}

TEST_F(HostileBoard, RecordsOfNonsenseAreRefused) {
  expect_refused(kGood + ",\"top1\":61.2}'\n", 2, {"board", "top1", "[0,1]"});
  expect_refused("printf '{\"schema\":1,\"status\":\"o\\377k\"}\\n'\n", 2, {"board"});
  expect_refused("i=0; while [ $i -lt 1000 ]; do " + kGood + "}'; i=$((i+1)); done\n", 3, {"1 records", "got 1000"});
}

TEST_F(HostileBoard, WhatItSaysOfItselfIsChecked) {
  for (const std::string machine : {"../../../tmp/x", "x86_64\\033[2J", "$(yes | head -c 100000 | tr -d '\\n')"}) {
    write_script("bin/uname", "printf \"" + machine + "\\n\"\n");
    expect_harmless_error(bench(kGood + "}'\n"), 3, {"ssh://board", "machine's name"});
  }
  fs::remove(folder_ / "bin/uname");
  for (const std::string bytes : {"-5", "99999999999"}) {
    write_script("bin/wc", "echo " + bytes + "\n");
    const Outcome outcome = quench(bench(kGood + "}'\n"));
    EXPECT_EQ(outcome.code, 3) << outcome.err;
    EXPECT_EQ(outcome.err.find("internal"), std::string::npos) << outcome.err;
    fs::remove(folder_ / "bin/wc");
  }
}

}  // namespace
}  // namespace quench
