// `quench fetch` and `quench data fetch`: the program against a server of the test's own.

#include "cli_testing.h"
#include "core/json.h"
#include "fetch_http_server.h"

namespace quench {
namespace {

using quench::testing::HttpServer;

class Fetch : public Cli {
 protected:
  std::string at_home(const char* file) const { return (folder_ / "no-data" / file).string(); }
};

TEST_F(Fetch, ListsWhatThereIs) {
  const Outcome outcome = quench("fetch --format json");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const Json list = parse_json(outcome.out, "list");
  EXPECT_EQ(list.size(), 20);
  for (const Json& row : list) {
    EXPECT_NE(row["licence"].get<std::string>().find("AGPL-3.0"), std::string::npos);
    EXPECT_TRUE(row["found"].is_null());
  }
  const Outcome table = quench("fetch");
  EXPECT_NE(table.out.find("https://github.com/ultralytics/assets/releases/download/v8.3.0/yolov8n.pt"),
            std::string::npos)
      << table.out;
}

TEST_F(Fetch, SaysTheLicenceThenTheAddressAndThePlaceWhereNothingAnswers) {
  const Outcome outcome = quench("fetch yolov8n --from http://127.0.0.1:9");
  EXPECT_EQ(outcome.code, 3) << outcome.err;
  const size_t licence = outcome.err.find("AGPL-3.0"),
               download = outcome.err.find("downloading http://127.0.0.1:9/yolov8n.pt");
  EXPECT_LT(licence, download) << outcome.err;
  EXPECT_NE(outcome.err.find("By hand: put the file at " + at_home("weights/yolov8n.pt")), std::string::npos)
      << outcome.err;
}

// yolov5n-cls has no known checksum, so that a test can serve one.
TEST_F(Fetch, BringsAFileOnceAndNamesStandForIt) {
  const std::string weights = "PK\x03\x04 no real archive";
  HttpServer server({{"yolov5n-cls.pt", weights}});
  server.drop_after = 10;
  EXPECT_EQ(quench("fetch yolov5n-cls --from " + server.url()).code, 3);
  const Outcome outcome = quench("fetch yolov5n-cls --from " + server.url());
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(read_file(at_home("weights/yolov5n-cls.pt")), weights);
  EXPECT_EQ(server.offsets(), (std::vector<int64_t>{0, 10}));
  EXPECT_NE(outcome.err.find("quench import yolov5n-cls"), std::string::npos) << outcome.err;
  EXPECT_EQ(quench("fetch yolov5n-cls.pt --from " + server.url()).code, 0);
  EXPECT_EQ(server.offsets().size(), 2) << "it is there";
  // The name is the file now: what is wrong with it is told.
  const Outcome import = quench("import yolov5n-cls -o y.onnx");
  EXPECT_NE(import.code, 0);
  EXPECT_NE(import.err.find(at_home("weights/yolov5n-cls.pt")), std::string::npos) << import.err;
}

TEST_F(Fetch, MissingWeightsNameTheCommand) {
  for (const char* arguments : {"import yolov8n -o y.onnx", "import yolov8n.pt -o y.onnx", "info yolov8n.pt"}) {
    expect_error(arguments, 2, {"yolov8n", "`quench fetch yolov8n`", at_home("weights/yolov8n.pt")});
  }
  expect_error("fetch yolo8n", 2, {"did you mean 'yolov8n"});
  expect_error("fetch coco128", 2, {"data set", "`quench data fetch coco128`"});
  expect_error("data fetch yolov8n", 2, {"a model", "`quench fetch yolov8n`"});
#ifdef QUENCH_LAB
  expect_error("quantize yolov8n --data shapes -o q.onnx", 2,
               {"`quench fetch yolov8n`", "quench train --model yolov8n"});
  expect_error("train --model yolov8n-cls --pretrained yolov8n-cls --data shapes -o y.onnx", 3,
               {"`quench fetch yolov8n-cls`"});
  write_file(folder_ / "s.yaml",
             "study: s\ndata: shapes\nmodels: [{model: yolov8n-cls, pretrained: yolov8n-cls}]\nmethods: [fp32]\n");
  expect_error("study plan s.yaml", 2, {"pretrained", "`quench fetch yolov8n-cls`"});
  expect_error("data check coco128", 3, {"quench data fetch coco128", at_home("coco128")});
  expect_error("data check coco-val", 3, {"quench data fetch coco-val"});
#endif
}

}  // namespace
}  // namespace quench
