// `quench bench` beyond the run of one image at a time: from a picture's file to boxes, and several images at once.
#include "cli_testing.h"
#include "core/rng.h"
#include "picture_files/encode.h"

namespace quench {
namespace {

class CliBench : public Cli {
 protected:
  void SetUp() override {
    Cli::SetUp();
    ASSERT_EQ(quench("export yolov5n --classes 3 --imgsz 64 -o v5.onnx").code, 0);
    ASSERT_EQ(quench("export yolov8n --classes 3 --imgsz 64 -o v8.onnx").code, 0);
    ASSERT_EQ(quench("export yolov5n-cls --classes 7 --imgsz 32 -o classifier.onnx").code, 0);
    Tensor pixels(DType::u8, {90, 150, 3});
    Rng rng(0, "picture");
    for (uint8_t& value : pixels.mutable_values<uint8_t>()) value = static_cast<uint8_t>(rng.below(256));
    write_file(folder_ / "p.jpg", picture_files::encode_jpeg(pixels));
  }
  /// The one object of an answer in JSON.
  Json bench(const std::string& arguments, int code = 0) const {
    const Outcome outcome = quench("bench " + arguments + kFew + " --format json");
    EXPECT_EQ(outcome.code, code) << outcome.err;
    const Json list = parse_json(outcome.out, "bench");
    EXPECT_EQ(list.size(), 1u);
    return list.at(0);
  }

  const std::string kFew = " --min-samples 6 --min-seconds 0";
};

std::vector<std::string> keys(const Json& object) {
  std::vector<std::string> out;
  for (const auto& item : object.items()) out.push_back(item.key());
  std::ranges::sort(out);
  return out;
}

TEST_F(CliBench, EveryStageIsTimed) {
  for (const char* model : {"v5.onnx", "v8.onnx"}) {
    const Json answer = bench(fmt::format("{} --end-to-end --picture p.jpg --confidence 0", model));
    EXPECT_EQ(answer["status"], "ok");
    EXPECT_EQ(keys(answer["stages"]), (std::vector<std::string>{"boxes", "decode", "inference", "nms", "preprocess"}));
    double shares = 0, means = 0;
    for (const Json& stage : answer["stages"]) {
      EXPECT_GT(stage["p50_ns"].get<int64_t>(), 0);
      EXPECT_LE(stage["p50_ns"], stage["p90_ns"]);
      EXPECT_LE(stage["p90_ns"], stage["p99_ns"]);
      shares += stage["share"].get<double>();
      means += stage["mean_ns"].get<double>();
    }
    EXPECT_LE(means, answer["total"]["mean_ns"].get<double>() + 5);  // each mean is rounded
    EXPECT_LE(shares, 1.001);
    EXPECT_GT(shares, 0.5);
    const Json& beyond = answer["beyond_inference"];
    EXPECT_NEAR(beyond["mean_ns"].get<double>() + answer["stages"]["inference"]["mean_ns"].get<double>(),
                answer["total"]["mean_ns"].get<double>(), 2);
    EXPECT_NEAR(beyond["of_inference"].get<double>(),
                beyond["p50_ns"].get<double>() / answer["stages"]["inference"]["p50_ns"].get<double>(), 1e-9);
    EXPECT_GE(answer["samples"], 6);
    EXPECT_GT(answer["images_per_second"], 0);
    EXPECT_EQ(answer["picture"]["name"], "p.jpg");
    EXPECT_EQ(answer["picture"]["kind"], "jpeg");
    EXPECT_EQ(answer["picture"]["height"], 90);
    EXPECT_EQ(answer["picture"]["width"], 150);
    EXPECT_EQ(answer["picture"]["bytes"], fs::file_size(folder_ / "p.jpg"));
    EXPECT_FALSE(answer["detections"].empty());
  }
  const Json answer = bench("classifier.onnx --end-to-end --picture p.jpg --isa plain");
  EXPECT_EQ(answer["config"]["isa"], "plain");
  EXPECT_EQ(answer["notes"][0], "instruction set: plain");
  for (const char* key : {"host", "quench_version", "model_sha256"}) EXPECT_TRUE(answer[key].is_string()) << key;
  EXPECT_EQ(keys(answer["stages"]), (std::vector<std::string>{"decode", "inference", "postprocess", "preprocess"}));
  EXPECT_EQ(answer["top"].size(), 5u);
}

TEST_F(CliBench, ThePictureIsMadeWhereNoneIsNamed) {
  const Json answer = bench("v5.onnx --end-to-end");
  EXPECT_EQ(answer["picture"]["name"], "made");
  EXPECT_EQ(answer["picture"]["height"], 1080);
  EXPECT_EQ(answer["picture"]["width"], 1920);
  EXPECT_GT(answer["picture"]["bytes"], 200'000);  // as a photograph's: 1 to 4 bits a pixel
  EXPECT_LT(answer["picture"]["bytes"], 1'000'000);
  EXPECT_EQ(bench("v5.onnx --end-to-end")["picture"], answer["picture"]);
}

TEST_F(CliBench, SeveralImagesAtOnce) {
  const Json one = bench("v5.onnx --end-to-end --picture p.jpg --confidence 0");
  const Json three = bench("v5.onnx --end-to-end --picture p.jpg --confidence 0 --streams 3");
  EXPECT_EQ(three["streams"], 3);
  EXPECT_EQ(three["detections"], one["detections"]);
  EXPECT_GE(three["samples"], 6);
  const Json alone = bench("classifier.onnx --streams 2 --threads 2");
  EXPECT_EQ(keys(alone["stages"]), std::vector<std::string>{"inference"});
  EXPECT_EQ(alone["threads"], 2);
  EXPECT_EQ(alone["stages"]["inference"]["share"], 1);
  EXPECT_FALSE(alone.contains("picture"));
}

TEST_F(CliBench, TablesHaveARowAStage) {
  const std::string call = "bench v5.onnx classifier.onnx --end-to-end --picture p.jpg" + kFew;
  const Outcome table = quench(call);
  ASSERT_EQ(table.code, 0) << table.err;
  for (const char* part : {"preprocess", "beyond inference", "images/s", "p.jpg, jpeg 150x90", "found: "}) {
    EXPECT_NE(table.out.find(part), std::string::npos) << part << "\n" << table.out;
  }
  const std::string csv = quench(call + " --format csv").out;
  EXPECT_EQ(std::ranges::count(csv, '\n'), 1 + 7 + 6) << csv;
  EXPECT_EQ(csv.find("model,runtime,threads,streams,stage,p50 ms,"), 0u) << csv;
  const std::string lines = quench(call + " --format jsonl").out;
  EXPECT_EQ(std::ranges::count(lines, '\n'), 2);
}

TEST_F(CliBench, WhatCannotRunIsARow) {
  fs::create_directories(folder_ / "bin");
  fs::copy_file(fs::path(QUENCH_SOURCE_DIR) / "tests/fake_trtexec.sh", folder_ / "bin/trtexec");
  write_file(folder_ / "bin/version", "8.6\n");
  write_file(folder_ / "bin/outputs", "scores 7\n");
  const std::string path = fmt::format("HOME={0} PATH={0}/bin:$PATH {1} ", folder_.string(), QUENCH_PROGRAM);
  for (const char* how : {"--streams 2", "--end-to-end"}) {
    const Outcome outcome = run(path + "bench classifier.onnx --runtime tensorrt,native --format jsonl " + how + kFew);
    EXPECT_EQ(outcome.code, 1) << outcome.err;
    const std::vector<std::string> lines = split_text(outcome.out, '\n');
    ASSERT_EQ(lines.size(), 2u) << outcome.out;
    const Json refused = parse_json(lines[0], "line"), ran = parse_json(lines[1], "line");
    EXPECT_EQ(refused["status"], "unsupported");
    EXPECT_NE(refused["reason"].get<std::string>().find("times itself"), std::string::npos) << refused;
    EXPECT_EQ(ran["status"], "ok");
    EXPECT_GT(ran["images_per_second"], 0);
  }
}

TEST_F(CliBench, WrongPicturesAndSettings) {
  const std::string bench = "bench v5.onnx" + kFew;
  write_file(folder_ / "text.jpg", "no picture");
  write_file(folder_ / "empty.jpg", "");
  write_file(folder_ / "cut.jpg", read_file(folder_ / "p.jpg").substr(0, 3000));
  expect_error(bench + " --end-to-end --picture text.jpg", 2, {"expected JPEG, PNG or PPM", "text.jpg"});
  expect_error(bench + " --end-to-end --picture empty.jpg", 2, {"an empty file", "empty.jpg"});
  expect_error(bench + " --end-to-end --picture cut.jpg", 2, {"damaged", "cut.jpg"});
  expect_error(bench + " --end-to-end --picture nowhere.jpg", 3, {"nowhere.jpg"});
  expect_error(bench + " --streams 0", 2, {"streams", "at least 1"});
  expect_error(bench + " --streams 1.5", 2, {"streams"});
  expect_error(bench + " --picture p.jpg", 2, {"--picture", "--end-to-end"});
  expect_error(bench + " --confidence 0.1", 2, {"confidence", "--end-to-end"});
  expect_error(bench + " --end-to-end --confidence 2", 2, {"confidence"});
  expect_error("bench classifier.onnx --end-to-end --confidence 0.1", 2, {"'confidence'", "the task 'classify'"});
  expect_error("predict classifier.onnx --source p.jpg --rect", 2, {"'rect'", "classifier.onnx"});
  expect_error(bench + " --streams 2 --profile", 2, {"--profile", "--streams"});
  expect_error(bench + " --end-to-end --device ssh://user@host", 2, {"--end-to-end", "ssh://user@host"});
}

#ifdef QUENCH_LAB
TEST_F(CliBench, TheBoxesAreThoseOfPredict) {
  const std::pair<const char*, const char*> cases[] = {
      {"v5.onnx", ""}, {"v5.onnx", " --rect"}, {"v8.onnx", " --multi-label --iou 0.2"}};
  for (const auto& [model, how] : cases) {
    const std::string settings = fmt::format(" --runtime native --confidence 1e-4 --max-detections 20{}", how);
    const Outcome said = quench(fmt::format("predict {} --source p.jpg --save none --format json{}", model, settings));
    ASSERT_EQ(said.code, 0) << said.err;
    const Json boxes = parse_json(said.out, "predict")["images"][0]["detections"];
    EXPECT_FALSE(boxes.empty());
    EXPECT_EQ(bench(fmt::format("{} --end-to-end --picture p.jpg{}", model, settings))["detections"], boxes)
        << model << how;
  }
  const Outcome said = quench("predict classifier.onnx --runtime native --source p.jpg --save none --format json");
  EXPECT_EQ(bench("classifier.onnx --end-to-end --picture p.jpg")["top"],
            parse_json(said.out, "predict")["images"][0]["top"]);
}
#endif

}  // namespace
}  // namespace quench
