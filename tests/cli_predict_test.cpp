// `quench predict`, run as a program.
#include <sys/stat.h>

#include "cli_testing.h"

namespace quench {
namespace {

class CliPredict : public Cli {
 protected:
  void SetUp() override {
    Cli::SetUp();
    ASSERT_EQ(quench("export yolov5n --classes 3 --imgsz 64 -o detector.onnx").code, 0);
    ASSERT_EQ(quench("export yolov5n-cls --classes 7 --imgsz 32 -o classifier.onnx").code, 0);
    for (const char* name : {"a", "b"}) {
      ASSERT_EQ(quench(fmt::format("data show shapes --count 1 -o images/{}.png", name)).code, 0);
    }
  }
};

TEST_F(CliPredict, EveryFormat) {
  const std::string call =
      "predict detector.onnx --runtime torch --source images --confidence 1e-7 --max-detections 3 ";
  Outcome outcome = quench(call + "--save images,txt json --format json");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const Json all = parse_json(outcome.out, "json");
  ASSERT_EQ(all["images"].size(), 2u);
  EXPECT_EQ(all["images"][0]["file_name"], "a.png");
  EXPECT_EQ(all["images"][0]["detections"].size(), 3u);
  EXPECT_GT(all["images"][0]["inference_ns"].get<int64_t>(), 0);
  EXPECT_EQ(all["summary"]["images"], 2);
  EXPECT_EQ(all["summary"]["found"], 6);
  EXPECT_EQ(all["summary"]["runtime"], "torch");
  EXPECT_GT(all["summary"]["inference_p50_ns"].get<int64_t>(), 0);
  EXPECT_TRUE(fs::exists(folder_ / "predictions/a.png"));
  EXPECT_TRUE(fs::exists(folder_ / "predictions/labels/b.txt"));
  EXPECT_EQ(read_json(folder_ / "predictions/predictions.json").size(), 6u);
  EXPECT_NE(outcome.err.find("1/2 a.png"), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find("predictions.json"), std::string::npos) << outcome.err;

  outcome = quench(call + "--save none -o nowhere --format jsonl");
  const std::vector<std::string> lines = split_text(outcome.out, '\n');
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(parse_json(lines[1], "line")["file_name"], "b.png");
  EXPECT_FALSE(fs::exists(folder_ / "nowhere"));

  outcome = quench(call + "--save none --format csv");
  EXPECT_EQ(outcome.out.find("file_name,frame,height,width,found,preprocess_ns,inference_ns,postprocess_ns\r\na.png,,"),
            0u)
      << outcome.out;
  EXPECT_EQ(std::count(outcome.out.begin(), outcome.out.end(), '\n'), 3);

  outcome = quench(call + "--save none");
  EXPECT_NE(outcome.out.find("inference ms"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("2 images, 6 objects; median ms: "), std::string::npos) << outcome.out;
}

TEST_F(CliPredict, AClassifierShowsItsBestFive) {
  const Outcome outcome = quench("predict classifier.onnx --runtime torch --source images/a.png --format json");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const Json all = parse_json(outcome.out, "json");
  EXPECT_EQ(all["images"][0]["top"].size(), 5u);
  EXPECT_TRUE(all["summary"]["found"].is_null());
  EXPECT_TRUE(fs::exists(folder_ / "predictions/a.png"));
}

TEST_F(CliPredict, ABrokenImageEndsInOne) {
  write_file(folder_ / "images/bad.png", "no picture");
  const Outcome outcome = quench("predict detector.onnx --runtime torch --source images");
  EXPECT_EQ(outcome.code, 1);
  EXPECT_NE(outcome.err.find("warning: "), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find("bad.png"), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.out.find("1 could not be read"), std::string::npos) << outcome.out;
}

TEST_F(CliPredict, SaysWhatIsWrong) {
  expect_error("predict detector.onnx", 2, {"--source", "none"});
  expect_error("predict detector.onnx --source missing.jpg", 2, {"missing.jpg", "no such file"});
  expect_error("predict detector.onnx --source images --save pictures", 2, {"pictures", "images", "txt", "json"});
  expect_error("predict detector.onnx --runtime torch --source images -o images", 2, {"a.png", "-o"});
  expect_error("predict missing.onnx --source images", 3, {"missing.onnx"});
  expect_error("predict detector.onnx --runtime torch --source images -o /proc/x", 3, {"/proc/x"});
  expect_error("predict detector.onnx --runtime torch --source images --imgsz 50", 2, {"imgsz", "32", "50"});
  fs::create_directories(folder_ / "empty");
  expect_error("predict detector.onnx --source empty", 2, {"empty", "none"});
}

// Nobody writes into the pipe: an open that waits would wait for ever, and the test with it.
TEST_F(CliPredict, AModelIsExportedForOtherTools) {
  Outcome outcome = quench("export classifier.onnx --to tflite -o c.tflite");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(read_file(folder_ / "c.tflite").substr(4, 4), "TFL3");
  ASSERT_EQ(quench("export classifier.onnx --to ncnn -o c.param").code, 0);
  EXPECT_EQ(read_file(folder_ / "c.param").substr(0, 8), "7767517\n");
  EXPECT_GT(read_file(folder_ / "c.bin").size(), 4u << 20) << "a float has four bytes";
  outcome = quench("quantize classifier.onnx --data images --requantization dyadic -o q.onnx");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  outcome = quench("export q.onnx --to integers --source images/a.png -o integers");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const Json index = read_json(folder_ / "integers/index.json");
  EXPECT_EQ(index["requantization"], "dyadic");
  EXPECT_EQ(index["image"], "images/a.png");
  EXPECT_EQ(read_file(folder_ / "integers" / index["values"][0]["array"]["file"].get<std::string>()).size(),
            3 * 32 * 32u);

  expect_error("export q.onnx --to integers -o integers", 2, {"--source IMAGE"});
  expect_error("export classifier.onnx --to integers --source images/a.png -o no", 2, {"quantized model"});
  expect_error("export q.onnx --to integers --source images/a.png -o c.param", 2, {"folder", "c.param"});
  expect_error("export q.onnx --to integers --source none.png -o no", 3, {"none.png"});
  expect_error("export q.onnx --to ncnn -o no.param", 3, {"--target tensorrt"});
  expect_error("export q.onnx --source images/a.png -o no.onnx", 2, {"--to integers"});
  expect_error("export detector.onnx --to ncnn --with-nms-ready-outputs -o no.param", 2, {"--to onnx"});
  for (const char* name : {"no", "no.param", "no.bin", "no.onnx"}) EXPECT_FALSE(fs::exists(folder_ / name)) << name;
}

TEST_F(CliPredict, APipeIsNoImage) {
  ASSERT_EQ(::mkfifo((folder_ / "pipe").c_str(), 0600), 0);
  expect_error("predict detector.onnx --runtime torch --source ./pipe", 3, {"expected a file", "./pipe"});
  ASSERT_EQ(::mkfifo((folder_ / "images/pipe.png").c_str(), 0600), 0);
  const Outcome outcome = quench("predict detector.onnx --runtime torch --source images --format json");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(parse_json(outcome.out, "json")["summary"]["images"], 2) << "a.png and b.png";
}

}  // namespace
}  // namespace quench
