#include <gtest/gtest.h>

#include <csignal>
#include <thread>

#include "core/clock.h"
#include "core/process.h"
#include "error_testing.h"

namespace quench {
namespace {

using Lines = std::vector<std::string>;

ProcessResult shell(const std::string& script, ProcessOptions options = {}) {
  return run_process({"/bin/sh", "-c", script}, options);
}

TEST(Process, StreamsAndExitCodeComeApart) {
  const ProcessResult result = shell("echo out; echo err >&2; exit 7");
  EXPECT_EQ(result.output, "out\n");
  EXPECT_EQ(result.error, "err\n");
  EXPECT_EQ(result.exit_code, 7);
  EXPECT_EQ(shell("kill -KILL $$").exit_code, 128 + SIGKILL);
}

TEST(Process, ArgumentsAreNotAShellsWords) {
  const std::string odd = "a b'\"$(echo no)\\\n*";
  EXPECT_EQ(run_process({"printf", "%s", odd}).output, odd);  // found by the system's search
}

TEST(Process, InputOfAnySizeGoesIn) {
  std::string input(1 << 20, 'x');
  for (size_t i = 0; i < input.size(); i += 97) input[i] = '\n';
  ProcessOptions options;
  options.input = input;
  options.keep_bytes = input.size();
  EXPECT_EQ(run_process({"cat"}, options).output, input);
  EXPECT_EQ(run_process({"cat"}).output, "") << "an empty input ends at once";
}

TEST(Process, AProgramThatDoesNotReadIsNoError) {
  const std::string input(1 << 20, 'x');
  ProcessOptions options;
  options.input = input;
  EXPECT_EQ(run_process({"true"}, options).exit_code, 0);
}

TEST(Process, LinesComeAsTheyAreWritten) {
  Lines lines;
  std::vector<int64_t> times;
  ProcessOptions options;
  options.on_output = [&](std::string_view line) {
    lines.emplace_back(line);
    times.push_back(now_ns());
  };
  shell("echo one; sleep 0.3; echo; printf last", options);
  EXPECT_EQ(lines, (Lines{"one", "", "last"}));
  EXPECT_GT(times.back() - times.front(), 100'000'000) << "the first did not wait for the last";
}

TEST(Process, OfLongOutputTheEndIsKept) {
  ProcessOptions options;
  options.keep_bytes = 100;
  int64_t lines = 0;
  options.on_output = [&lines](std::string_view) { ++lines; };
  const ProcessResult result = shell("i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done", options);
  EXPECT_EQ(result.output.size(), 100u);
  EXPECT_EQ(last_line(result.output), "line 19999");
  EXPECT_EQ(lines, 20000);
}

TEST(Process, WhatNeverEndsIsEnded) {
  ProcessOptions lines;
  lines.on_output = [](std::string_view) {};
  lines.most_line_bytes = 1000;
  const auto [kind, message] = error_of([&] { run_process({"cat", "/dev/zero"}, lines); });
  EXPECT_EQ(kind, ErrorKind::io);
  EXPECT_EQ(message, "[process] expected lines of at most 1000 bytes from cat, got more");
  EXPECT_EQ(error_of([&] { shell("head -c 1001 /dev/zero; echo", lines); }).first, ErrorKind::io) << "it has an end";
  EXPECT_EQ(shell("head -c 1000 /dev/zero | tr '\\0' x; echo; echo y", lines).exit_code, 0);
  ProcessOptions all;
  all.most_bytes = 1 << 20;
  EXPECT_EQ(error_of([&] { run_process({"yes"}, all); }).first, ErrorKind::io);
  EXPECT_EQ(error_of([&] { shell("yes >&2", all); }).first, ErrorKind::io);
  EXPECT_EQ(shell("head -c 1048576 /dev/zero", all).exit_code, 0);
}

TEST(Process, CancelEndsIt) {
  CancelToken cancel;
  ProcessOptions options;
  options.cancel = &cancel;
  std::thread other([&cancel] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    cancel.cancel();
  });
  EXPECT_EQ(error_of([&] { run_process({"sleep", "600"}, options); }).first, ErrorKind::cancelled);
  other.join();
  EXPECT_EQ(error_of([&] { run_process({"true"}, options); }).first, ErrorKind::cancelled) << "before it starts";
}

TEST(Process, TheLastWordsAreNotLost) {
  for (int i = 0; i < 50; ++i) ASSERT_EQ(shell("sleep 0.05; echo last; exit 1").output, "last\n");
}

TEST(Process, TimeIsUp) {
  ProcessOptions options;
  options.timeout_seconds = 1;
  const ProcessResult result = shell("trap '' TERM; echo here; while :; do sleep 0.05; done", options);
  EXPECT_TRUE(result.timed_out);
  EXPECT_EQ(result.exit_code, 128 + SIGKILL) << "it did not listen";
  EXPECT_EQ(result.output, "here\n");
}

TEST(Process, AnInterruptOfTheProgramIsOurs) {
  EXPECT_EQ(error_of([] { shell("kill -INT $$"); }).first, ErrorKind::cancelled);
}

TEST(Process, AListenersErrorLeavesNoProgramBehind) {
  ProcessOptions options;
  options.on_output = [](std::string_view) { fail(ErrorKind::data, "no"); };
  const int64_t start = now_ns();
  EXPECT_EQ(error_of([&] { shell("echo x; sleep 600", options); }).first, ErrorKind::data);
  EXPECT_LT(now_ns() - start, 300'000'000'000);
}

TEST(Process, AGrandchildThatLivesOnDoesNotHoldUs) {
  const ProcessResult result = shell("sleep 600 & echo $!; exit 3");
  EXPECT_EQ(result.exit_code, 3);
  ::kill(std::stoi(result.output), SIGKILL);
}

TEST(Process, WhatCannotBeStartedIsAnError) {
  EXPECT_EQ(error_of([] { run_process({"/no/such/program"}); }).first, ErrorKind::io);
  EXPECT_EQ(error_of([] { run_process({"no-such-program-here"}); }).first, ErrorKind::io);
  EXPECT_EQ(error_of([] { run_process({"/etc/passwd"}); }).first, ErrorKind::io);
}

TEST(Process, LastLine) {
  EXPECT_EQ(last_line("a\nb b\n\n \n"), "b b");
  EXPECT_EQ(last_line("one"), "one");
  EXPECT_EQ(last_line("\n \t"), "");
}

}  // namespace
}  // namespace quench
