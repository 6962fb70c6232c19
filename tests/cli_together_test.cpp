// `quench train --world-size N`: processes that are started here or that join, one that is killed, one that is stopped,
// going on with another number, and what is refused.

#include <fcntl.h>
#include <signal.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "cli_testing.h"
#include "collectives/join.h"
#include "processes/free_port.h"
#include "processes_testing.h"

namespace quench {
namespace {

using std::chrono::milliseconds;

class CliTogether : public Cli {
 protected:
  void SetUp() override {
    Cli::SetUp();
    if (!collectives::why_not().empty()) GTEST_SKIP() << collectives::why_not();
  }
  void TearDown() override {
    for (const pid_t id : started_) ::kill(id, SIGKILL);
    Cli::TearDown();
  }

  static std::string training(int epochs, const std::string& more) {
    return fmt::format(
        "train --model yolov5n-cls --data shapes --imgsz 32 --batch 16 --train-limit 64 --test-limit 16 --threads 1 "
        "--workers 1 --epochs {} -o m.onnx {}",
        epochs, more);
  }

  /// Starts the program; `variables` stand before it ("RANK=0 ..."). What it says on stderr is in `name`.
  pid_t start(const std::string& arguments, const std::string& name, const std::string& variables = "") {
    const std::string line = fmt::format("cd {} && exec env QUENCH_DATA=no-data {} {} {} >{}.out 2>{}",
                                         folder_.string(), variables, QUENCH_PROGRAM, arguments, name, name);
    const pid_t id = ::fork();
    if (id == 0) {
      ::execl("/bin/sh", "sh", "-c", line.c_str(), nullptr);
      ::_exit(127);
    }
    started_.push_back(id);
    return id;
  }
  /// Its exit code.
  int wait(pid_t id) {
    std::erase(started_, id);
    return end_of(id);
  }
  std::string said(const std::string& name) const {
    return fs::exists(folder_ / name) ? read_file(folder_ / name) : "";
  }
  /// Waits until the training has done an epoch.
  void wait_for_epoch() const {
    for (int i = 0; i < 1200 && !fs::exists(folder_ / "m.onnx.train/results.csv"); ++i) {
      std::this_thread::sleep_for(milliseconds(50));
    }
    ASSERT_TRUE(fs::exists(folder_ / "m.onnx.train/results.csv"));
  }
  /// Processes whose parent is `parent`.
  static std::vector<pid_t> children_of(pid_t parent) {
    std::vector<pid_t> found;
    for (const fs::directory_entry& entry : fs::directory_iterator("/proc")) {
      const std::string name = entry.path().filename().string();
      if (name.find_first_not_of("0123456789") != std::string::npos) continue;
      std::ifstream file(entry.path() / "stat");
      const std::string line{std::istreambuf_iterator<char>(file), {}};
      const size_t behind = line.rfind(')');  // of the program's name
      if (behind == std::string::npos) continue;
      if (std::atoi(line.c_str() + behind + 4) == parent) found.push_back(std::stoi(name));
    }
    return found;
  }
  static bool gone(pid_t id) {
    for (int i = 0; i < 300; ++i) {
      if (::kill(id, 0) != 0) return true;
      std::this_thread::sleep_for(milliseconds(50));
    }
    return false;
  }

  std::vector<pid_t> started_;
};

TEST_F(CliTogether, TrainsOneModel) {
  const Outcome two = quench(training(2, "--world-size 2"));
  EXPECT_EQ(two.code, 0) << two.err;
  EXPECT_NE(two.err.find("epoch 2/2"), std::string::npos) << two.err;
  EXPECT_EQ(two.err.find("epoch 2/2"), two.err.rfind("epoch 2/2")) << two.err;  // one of them tells
  ASSERT_TRUE(fs::exists(folder_ / "m.onnx"));
  const Outcome eval = quench("eval m.onnx --data shapes --test-limit 8 --runtime native");
  EXPECT_EQ(eval.code, 0) << eval.err;
}

TEST_F(CliTogether, OneThatIsKilledEndsTheRunAndAnotherNumberGoesOn) {
  const pid_t leader = start(training(1000, "--world-size 2"), "err");
  wait_for_epoch();
  const std::vector<pid_t> others = children_of(leader);
  ASSERT_EQ(others.size(), 1u);
  ::kill(others[0], SIGKILL);
  EXPECT_EQ(wait(leader), 3) << said("err");
  const std::string text = said("err");
  for (const char* part : {"lost rank 1 (", "rank 1 was ended by signal 9", "goes on from there"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  }
  EXPECT_EQ(text.find("quench: [collectives]"), text.rfind("quench: [collectives]")) << text;
  const pid_t again = start(training(1000, "--world-size 3"), "again");
  for (int i = 0; i < 600 && said("again").find("resumed in epoch") == std::string::npos; ++i) {
    std::this_thread::sleep_for(milliseconds(50));
  }
  EXPECT_NE(said("again").find("resumed in epoch"), std::string::npos) << said("again");
  ::kill(again, SIGTERM);
  EXPECT_EQ(wait(again), 130) << said("again");
}

TEST_F(CliTogether, TheLeaderThatIsKilledTakesTheOthersAlong) {
  const pid_t leader = start(training(1000, "--world-size 2"), "err");
  wait_for_epoch();
  const std::vector<pid_t> others = children_of(leader);
  ASSERT_EQ(others.size(), 1u);
  ::kill(leader, SIGKILL);
  EXPECT_EQ(wait(leader), 128 + SIGKILL);
  EXPECT_TRUE(gone(others[0]));
}

TEST_F(CliTogether, StopsAllWithACheckpoint) {
  const pid_t leader = start(training(1000, "--world-size 2"), "err");
  wait_for_epoch();
  const std::vector<pid_t> others = children_of(leader);
  ASSERT_EQ(others.size(), 1u);
  ::kill(leader, SIGTERM);
  EXPECT_EQ(wait(leader), 130) << said("err");
  EXPECT_TRUE(gone(others[0]));
  EXPECT_TRUE(fs::exists(folder_ / "m.onnx.train/checkpoint.qckpt"));
  EXPECT_NE(said("err").find("interrupted"), std::string::npos) << said("err");
}

TEST_F(CliTogether, JoinsAsTorchrunStartsThem) {
  const std::string meet = fmt::format("WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT={} ", processes::free_port());
  const pid_t second = start(training(1, ""), "second", meet + "RANK=1 LOCAL_RANK=1");
  const pid_t first = start(training(1, "--world-size 2"), "first", meet + "RANK=0 LOCAL_RANK=0");
  EXPECT_EQ(wait(first), 0) << said("first");
  EXPECT_EQ(wait(second), 0) << said("second");
  EXPECT_EQ(said("second"), "");
  EXPECT_NE(said("first").find("wrote m.onnx"), std::string::npos) << said("first");
}

TEST_F(CliTogether, JoinsInAStepOfSlurm) {
  const std::string step = fmt::format(
      "SLURM_STEP_NUM_TASKS=2 SLURM_STEP_NODELIST=localhost SLURM_JOB_ID=1 MASTER_PORT={} ", processes::free_port());
  const pid_t second = start(training(1, "--world-size 2"), "second", step + "SLURM_PROCID=1 SLURM_LOCALID=1");
  const pid_t first = start(training(1, "--world-size 2"), "first", step + "SLURM_PROCID=0 SLURM_LOCALID=0");
  EXPECT_EQ(wait(first), 0) << said("first");
  EXPECT_EQ(wait(second), 0) << said("second");
}

// An error of the one is told by the other, once.
TEST_F(CliTogether, AnErrorOfOneEndsAllAndIsToldOnce) {
  const std::string meet = fmt::format("WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT={} ", processes::free_port());
  const pid_t second = start(training(1, "--seed 5"), "second", meet + "RANK=1");
  const pid_t first = start(training(1, ""), "first", meet + "RANK=0");
  EXPECT_EQ(wait(first), 2) << said("first");
  EXPECT_EQ(wait(second), 2) << said("second");
  EXPECT_EQ(said("second"), "");
  EXPECT_NE(said("first").find("expected the same training on all processes, got another on rank 1"), std::string::npos)
      << said("first");
}

TEST_F(CliTogether, OtherCommandsAreNoticed) {
  const std::string meet = fmt::format("WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT={} ", processes::free_port());
  const pid_t first = start(training(1, ""), "first", meet + "RANK=0");
  const pid_t second = start("finetune m.onnx --data shapes -o n.onnx", "second", meet + "RANK=1");
  EXPECT_EQ(wait(first), 2) << said("first");
  EXPECT_EQ(wait(second), 2) << said("second");
  const std::string text = said("first");
  EXPECT_NE(text.find("expected the same command on all processes, got train of quench"), std::string::npos) << text;
  EXPECT_NE(text.find("on rank 0, finetune of quench"), std::string::npos) << text;
}

TEST_F(CliTogether, RefusesWhatCannotBe) {
  expect_error(training(1, "--world-size 0"), 2, {"world"});
  expect_error(training(1, "--world-size 17"), 2, {"at least an image a batch for each of 17 processes"});
  expect_error(training(1, "--world-size 60000 --batch 60000"), 2, {"expected a --world-size of", "at most on"});
  expect_error(training(1, "--batch-norm global"), 2, {"batch"});
  const auto refused = [&](const std::string& variables, const std::string& part) {
    const Outcome outcome = run(fmt::format("{} {} {}", variables, QUENCH_PROGRAM, training(1, "--world-size 2")));
    EXPECT_EQ(outcome.code, 2) << outcome.err;
    EXPECT_NE(outcome.err.find(part), std::string::npos) << outcome.err;
  };
  refused("RANK=1 WORLD_SIZE=2", "MASTER_ADDR");
  const Outcome nowhere = run(fmt::format("RANK=0 WORLD_SIZE=2 MASTER_ADDR=no.host.invalid MASTER_PORT=29871 {} {}",
                                          QUENCH_PROGRAM, training(1, "--world-size 2")));
  EXPECT_EQ(nowhere.code, 3) << nowhere.err;
  EXPECT_NE(nowhere.err.find("MASTER_ADDR"), std::string::npos) << nowhere.err;
  refused("RANK=2 WORLD_SIZE=2 MASTER_ADDR=a MASTER_PORT=1", "expected RANK below WORLD_SIZE (2), got 2");
  refused("RANK=1 WORLD_SIZE=3 MASTER_ADDR=a MASTER_PORT=1", "expected --world-size 3, as WORLD_SIZE says, got 2");
}

}  // namespace
}  // namespace quench
