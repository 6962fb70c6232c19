// `quench eval --report` and the curves of `quench train`, run as a program.
#include "cli_testing.h"
#include "html_parsing.h"

namespace quench {
namespace {

using testing::parse;

class CliReport : public Cli {
 protected:
  /// Four images of one object each, as a YOLO data set of the classes that are named.
  void make_boxes(const std::string& names, const std::string& label) const {
    for (const char* split : {"train", "val"}) {
      for (const char* name : {"a", "b"}) {
        const fs::path images = folder_ / "boxes" / "images" / split, labels = folder_ / "boxes" / "labels" / split;
        fs::create_directories(images);
        ASSERT_EQ(quench(fmt::format("data show shapes --count 1 -o {}/{}.png", images.string(), name)).code, 0);
        write_file(labels / fmt::format("{}.txt", name), label);
      }
    }
    write_file(folder_ / "boxes" / "data.yaml", "train: images/train\nval: images/val\nnames: " + names + "\n");
  }

  void expect_page(const fs::path& page) const {
    const std::string html = read_file(page);
    EXPECT_EQ(parse(html).fault, "") << page;
    EXPECT_EQ(html.find("http:"), std::string::npos) << page;
    EXPECT_EQ(html.find("https:"), std::string::npos) << page;
  }
};

TEST_F(CliReport, ADetectorOnEachRuntime) {
  make_boxes("[cat, dog]", "1 0.5 0.5 0.4 0.4\n");
  ASSERT_EQ(quench("export yolov5n --classes 2 --imgsz 64 -o detector.onnx").code, 0);
  for (const char* runtime : {"native", "torch"}) {
    const Outcome outcome = quench(
        fmt::format("eval detector.onnx --data boxes/data.yaml --runtime {0} --report r-{0} --format json", runtime));
    ASSERT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_EQ(parse_json(outcome.out, "records")[0]["samples"], 2);
    EXPECT_NE(outcome.err.find(fmt::format("r-{}/report.html", runtime)), std::string::npos) << outcome.err;
    expect_page(folder_ / fmt::format("r-{}", runtime) / "report.html");
  }
  const std::vector<std::string> rows = split_text(read_file(folder_ / "r-native/classes.csv"), '\n');
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[1].substr(0, 9), "0,0,,,,,,") << "a class without objects has no figures";
  EXPECT_EQ(rows[2].substr(0, 4), "1,2,");
  EXPECT_TRUE(fs::exists(folder_ / "r-native/confusion.svg"));
}

TEST_F(CliReport, AClassifier) {
  ASSERT_EQ(quench("export yolov5n-cls --classes 10 --imgsz 32 -o classifier.onnx").code, 0);
  const Outcome outcome = quench("eval classifier.onnx --data shapes --test-limit 40 --report out/r");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  expect_page(folder_ / "out/r/report.html");
  for (const char* name : {"metrics.csv", "classes.csv", "confusion.csv", "confusion.svg", "calibration.csv",
                           "calibration.svg", "confusions.csv", "worst.csv", "worst/01.png"}) {
    EXPECT_TRUE(fs::exists(folder_ / "out/r" / name)) << name;
  }
}

TEST_F(CliReport, FoldersThatAreNoneAreRefusedBeforeAnythingRuns) {
  write_file(folder_ / "file", "x");
  ASSERT_EQ(quench("export yolov5n-cls --classes 10 --imgsz 32 -o classifier.onnx").code, 0);
  expect_error_line(quench("eval classifier.onnx --data shapes --report file"), "quench", "a file", 2,
                    {"folder", "file"});
  expect_error_line(quench("eval classifier.onnx --data shapes --report /proc/none"), "quench", "not writable", 3,
                    {"/proc/none"});
  expect_error_line(quench("eval --detections a.json --annotations b.json --report r"), "quench", "of a file", 2,
                    {"--report"});
}

TEST_F(CliReport, NothingAnnotatedIsNull) {
  make_boxes("[cat, dog]", "");
  ASSERT_EQ(quench("export yolov5n --classes 2 --imgsz 64 -o detector.onnx").code, 0);
  const Outcome outcome = quench("eval detector.onnx --data boxes/data.yaml --report r --format json");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_TRUE(parse_json(outcome.out, "records")[0]["map_50_95"].is_null());
  const std::string html = read_file(folder_ / "r/report.html");
  EXPECT_NE(html.find("No object is annotated"), std::string::npos);
  EXPECT_EQ(html.find("0.0 %"), std::string::npos);
}

TEST_F(CliReport, ATrainingLeavesItsCurves) {
  const std::string train =
      "train --model yolov5n-cls --data shapes --imgsz 32 --train-limit 64 --test-limit 20 --batch 16 ";
  Outcome outcome = quench(train + "--epochs 2 -o m.onnx");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_NE(outcome.err.find("m.onnx.train/training.html"), std::string::npos) << outcome.err;
  expect_page(folder_ / "m.onnx.train/training.html");
  EXPECT_TRUE(fs::exists(folder_ / "m.onnx.train/loss.svg"));
  EXPECT_TRUE(fs::exists(folder_ / "m.onnx.train/results.csv"));
  outcome = quench(train + "--epochs 8 --lr 1000 --warmup-epochs 0 --clip-norm 0 -o bad.onnx");
  EXPECT_NE(outcome.err.find("diverged"), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find("--lr"), std::string::npos) << outcome.err;
}

}  // namespace
}  // namespace quench
