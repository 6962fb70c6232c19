// Commands that several processes share: to the byte what one process gives, and one clear error where one fails.
#include <gtest/gtest.h>

#include "cli_testing.h"
#include "core/file.h"
#include "core/json.h"

namespace quench {
namespace {

class SharedWork : public Cli {
 protected:
  void SetUp() override {
    Cli::SetUp();
    ASSERT_EQ(quench("export yolov5n-cls --imgsz 32 --classes 10 -o y.onnx").code, 0);
  }

  /// A row without what differs from run to run, and without the number of threads, which is that of all processes.
  static Json row(const Outcome& outcome) {
    Json json = parse_json(outcome.out, "eval");
    if (json.is_array()) json = json.at(0);
    for (const char* key : {"time", "threads"}) json.erase(key);
    return json;
  }

  /// As torchrun starts `count` processes of a command; the first one's outcome is that of the shell.
  Outcome as_torchrun(int count, int port, const std::string& arguments, const std::string& more = "") const {
    std::string script;
    for (int rank = count - 1; rank >= 0; --rank) {
      script += fmt::format("RANK={} WORLD_SIZE={} LOCAL_RANK={} MASTER_ADDR=127.0.0.1 MASTER_PORT={} {} {}{} {}", rank,
                            count, rank, port, QUENCH_PROGRAM, arguments, rank == 1 ? more : "",
                            rank > 0 ? fmt::format("> {0}.out 2> {0}.err & ", rank) : "");
    }
    return run("( " + script + "; code=$?; wait; exit $code )");
  }
};

const std::string kEval = "eval y.onnx --data shapes --test-limit 150 --batch 16 --format json ";

TEST_F(SharedWork, AnEvaluationIsThatOfOneProcess) {
  for (const std::string runtime : {"native", "onnxruntime", "torch"}) {
    const Outcome whole = quench(kEval + "--agreement --runtime " + runtime);
    ASSERT_EQ(whole.code, 0) << whole.err;
    for (const int processes : {2, 3}) {
      const Outcome shared =
          quench(kEval + fmt::format("--agreement --runtime {} --world-size {}", runtime, processes));
      ASSERT_EQ(shared.code, 0) << shared.err;
      EXPECT_EQ(row(shared), row(whole)) << runtime << " " << processes;
    }
  }
}

TEST_F(SharedWork, APageHasAllImages) {
  ASSERT_EQ(quench(kEval + "--report one").code, 0);
  const Outcome shared = quench(kEval + "--report three --world-size 3");
  ASSERT_EQ(shared.code, 0) << shared.err;
  int files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder_ / "one")) {
    if (entry.path().extension() != ".csv" && entry.path().extension() != ".svg") continue;
    ++files;
    const fs::path same = folder_ / "three" / fs::relative(entry.path(), folder_ / "one");
    EXPECT_EQ(read_file(entry.path()), read_file(same)) << same;
  }
  EXPECT_GT(files, 3);
}

TEST_F(SharedWork, AQuantizedModelIsThatOfOneProcess) {
  const std::string command = "quantize y.onnx --data shapes --calibration-images 200 --weight-scales output_mse ";
  for (const std::string observer : {"mse", "moving_average"}) {
    ASSERT_EQ(quench(command + "-o one.onnx --observer " + observer).code, 0);
    for (const int processes : {2, 3}) {
      const Outcome shared =
          quench(command + fmt::format("-o several.onnx --observer {} --world-size {}", observer, processes));
      ASSERT_EQ(shared.code, 0) << shared.err;
      EXPECT_EQ(read_file(folder_ / "several.onnx"), read_file(folder_ / "one.onnx")) << observer << " " << processes;
    }
  }
}

TEST_F(SharedWork, ASensitivityIsThatOfOneProcess) {
  const std::string command =
      "sensitivity y.onnx --data shapes --calibration-images 64 --images 48 --bits 4 --hessian-probes 2 --scores ";
  ASSERT_EQ(quench(command + "-o one.json").code, 0);
  const Outcome shared = quench(command + "-o two.json --world-size 2");
  ASSERT_EQ(shared.code, 0) << shared.err;
  EXPECT_EQ(read_file(folder_ / "two.json"), read_file(folder_ / "one.json"));
}

TEST_F(SharedWork, ProcessesThatSomethingElseStartedMeet) {
  const Outcome whole = quench(kEval);
  const Outcome first = as_torchrun(2, 29611, kEval);
  ASSERT_EQ(first.code, 0) << first.err;
  EXPECT_EQ(row(first), row(whole));
  EXPECT_EQ(read_file(folder_ / "1.out"), "") << "the first one alone prints";
  EXPECT_EQ(read_file(folder_ / "1.err"), "");
}

TEST_F(SharedWork, WhatIsNotSharedIsSaid) {
  expect_error("eval y.onnx --data shapes --against y.onnx --world-size 2", 2, {"one process with --against"});
  expect_error("quantize y.onnx --pictures distilled --world-size 2 -o q.onnx", 2, {"not distilled"});
  expect_error("eval y.onnx --data shapes --world-size -1", 2, {"world"});
}

TEST_F(SharedWork, AnErrorIsSaidOnce) {
  expect_error("eval missing.onnx --data shapes --world-size 3", 3, {"missing.onnx"});
  expect_error("eval y.onnx --data nowhere --world-size 2", 2, {"nowhere"});
  // Other images in one of them.
  const Outcome first = as_torchrun(2, 29612, kEval, " --test-limit 149");
  EXPECT_NE(first.code, 0);
  EXPECT_NE(first.err.find("the size of the test split"), std::string::npos) << first.err;
}

TEST_F(SharedWork, AProcessThatIsKilledEndsAll) {
  const std::string command =
      "sensitivity y.onnx --data shapes --calibration-images 2000 --images 2000 --world-size 2 -o t.json";
  const Outcome outcome = run(
      fmt::format("( {} {} & first=$!; other=; while [ -z \"$other\" ] && kill -0 $first; do sleep 0.2; other=$(cat "
                  "/proc/$first/task/*/children 2>/dev/null); done; sleep 3; kill -9 $other; wait $first )",
                  QUENCH_PROGRAM, command));
  EXPECT_EQ(outcome.code, 3) << outcome.err;
  EXPECT_NE(outcome.err.find("rank 1 was ended by signal 9"), std::string::npos) << outcome.err;
  EXPECT_FALSE(fs::exists(folder_ / "t.json"));
}

TEST_F(SharedWork, AnInterruptEndsAll) {
  const std::string command =
      "sensitivity y.onnx --data shapes --calibration-images 2000 --images 2000 --world-size 2 -o t.json";
  const Outcome outcome = run(
      fmt::format("( {} {} & first=$!; sleep 4; other=$(cat /proc/$first/task/*/children 2>/dev/null); kill -TERM "
                  "$first; wait $first; code=$?; for p in $other; do kill -0 $p 2>/dev/null && echo left; done; exit "
                  "$code )",
                  QUENCH_PROGRAM, command));
  EXPECT_EQ(outcome.code, 130) << outcome.err;
  EXPECT_EQ(outcome.out.find("left"), std::string::npos) << "a process is left";
}

}  // namespace
}  // namespace quench
