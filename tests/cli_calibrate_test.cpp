// `quench calibrate` from the command line.
#include <gtest/gtest.h>

#include "cli_testing.h"
#include "core/file.h"
#include "core/json.h"

namespace quench {
namespace {

class Calibrate : public Cli {};

TEST_F(Calibrate, ComparesAndItsCommandRuns) {
  ASSERT_EQ(quench("export yolov5n-cls --imgsz 32 --classes 10 -o y.onnx").code, 0);
  const std::string command =
      "calibrate y.onnx --compare --data shapes --train-limit 200 --candidates 24 --score-images 16 --seeds 2 "
      "--exclude 2 "
      "--observers minmax,mse --choices easy --counts 8 ";
  Outcome outcome = quench(command + "--format json --output c.json --page c.html --settings-file best.yaml");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const Json found = parse_json(outcome.out, "calibrate");
  EXPECT_EQ(found, parse_json(read_file(folder_ / "c.json"), "c.json"));
  EXPECT_EQ(found["combinations"], 8);
  EXPECT_NE(read_file(folder_ / "c.html").find("Calibration of"), std::string::npos);
  std::string made = found["recommended"]["command"];
  ASSERT_TRUE(made.starts_with("quench quantize y.onnx --data shapes --train-limit 200")) << made;
  EXPECT_NE(made.find("--config best.yaml"), std::string::npos) << made;
  outcome = quench(made.substr(7));
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  outcome = quench(command);
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("Recommended: "), std::string::npos) << outcome.out;
  expect_error("calibrate q.onnx --data shapes", 2, {"expected a float model"});
  expect_error("calibrate y.onnx --data shapes --observers moving_average", 2, {"observers"});
  expect_error("calibrate y.onnx --data shapes --page /proc/x/p.html", 3, {"/proc/x"});
  expect_error("calibrate y.onnx --data shapes --train-limit 2", 2, {"4 or more"});
}

// Looking needs no labels; scoring does.
TEST_F(Calibrate, LooksAtAFolderOfPictures) {
  ASSERT_EQ(quench("export yolov5n-cls --imgsz 32 --classes 10 -o y.onnx").code, 0);
  fs::create_directories(folder_ / "photos");
  for (int i = 1; i <= 6; ++i) {
    ASSERT_EQ(quench(fmt::format("data show shapes --count {0} -o photos/{0}.png", i)).code, 0);
  }
  const Outcome outcome = quench("calibrate y.onnx --data photos --format json");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_NE(outcome.err.find("6 pictures without labels"), std::string::npos) << outcome.err;
  const Outcome compare = quench("calibrate y.onnx --data photos --compare");
  EXPECT_NE(compare.code, 0);
}

}  // namespace
}  // namespace quench
