// `quench why` from the command line.
#include <gtest/gtest.h>

#include <filesystem>

#include "cli_testing.h"
#include "core/file.h"
#include "core/json.h"

namespace quench {
namespace {

namespace fs = std::filesystem;

class Why : public Cli {
 protected:
  /// A model with its first weights, and the same quantized.
  void make_models() const {
    ASSERT_EQ(quench("export yolov5n-cls --imgsz 32 --classes 10 -o y.onnx").code, 0);
    const Outcome outcome = quench("quantize y.onnx --calibration-images 32 --data shapes --train-limit 64 -o q.onnx");
    ASSERT_EQ(outcome.code, 0) << outcome.err;
  }
};

TEST_F(Why, TellsLayersAndCauses) {
  make_models();
  const std::string command = "why q.onnx --against y.onnx --data shapes --train-limit 64 --images 8 --runs 2 ";
  Outcome outcome = quench(command + "--format json --page why.html --output why.json");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const Json findings = parse_json(outcome.out, "why");
  EXPECT_EQ(findings, parse_json(read_file(folder_ / "why.json"), "why.json"));
  EXPECT_EQ(findings["images"], 8);
  EXPECT_GT(findings["time"]["quantized_ns"], 0);
  EXPECT_GT(findings["all"]["error"], 0);
  EXPECT_GE(findings["advice"].size(), 3u);
  EXPECT_LE(findings["advice"].size(), 5u);
  EXPECT_NE(read_file(folder_ / "why.html").find("model.0.conv"), std::string::npos);
  outcome = quench(command + "--format csv");
  EXPECT_EQ(std::ranges::count(outcome.out, '\n'), static_cast<int64_t>(findings["layers"].size()) + 1);
  EXPECT_NE(outcome.err.find("1. "), std::string::npos) << outcome.err;
  outcome = quench("why q.onnx --runs 2");
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("Without --data"), std::string::npos);
  EXPECT_NE(outcome.out.find("Without --against"), std::string::npos);
}

TEST_F(Why, SaysWhatIsWrong) {
  make_models();
  expect_error("why y.onnx", 2, {"expected a quantized model", "y.onnx"});
  expect_error("why q.onnx --against q.onnx", 2, {"got a quantized one"});
  ASSERT_EQ(quench("export yolov8n-cls --imgsz 32 --classes 10 -o v8.onnx").code, 0);
  expect_error("why q.onnx --against v8.onnx", 2, {"--against", "layer"});
  expect_error("why q.onnx --against none.onnx", 3, {"none.onnx"});
  expect_error("why q.onnx --page /proc/x/p.html", 3, {"/proc/x"});
  expect_error("why q.onnx --images -1", 2, {"images"});
  write_file(folder_ / "text.onnx", "no model");
  expect_error("why text.onnx", 2, {"expected an ONNX model"});
  expect_error("why", 2, {"MODEL"});
}

TEST_F(Why, ComparesFilesOfOtherToolsWhole) {
  ASSERT_EQ(quench("export yolov5n --imgsz 64 -o raw.onnx").code, 0);
  ASSERT_EQ(quench("export raw.onnx --with-nms-ready-outputs -o decoded.onnx").code, 0);  // no Graph holds it
  EXPECT_EQ(quench("why decoded.onnx").code, 2);
  const Outcome outcome = quench("why decoded.onnx --against decoded.onnx --runs 2");
  EXPECT_NE(outcome.err.find("layers cannot be told apart"), std::string::npos) << outcome.err;
  if (outcome.code == 3) GTEST_SKIP() << "no ONNX Runtime: " << outcome.err;
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("is the same in both"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("times as fast"), std::string::npos) << outcome.out;
  const Outcome other = quench("why decoded.onnx --against raw.onnx --runs 2");
  EXPECT_EQ(other.code, 2);
  EXPECT_NE(other.err.find("expected a model of input"), std::string::npos) << other.err;
}

}  // namespace
}  // namespace quench
