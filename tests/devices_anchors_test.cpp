#include <gtest/gtest.h>

#include "core/error.h"
#include "devices/anchors.h"
#include "metrics/cost.h"

namespace quench::devices {
namespace {

constexpr const char* kHead = "device,model,input,runtime,precision,latency_ms,what\n";

TEST(Anchors, ReadsVersionsMarksAndQuotedFields) {
  const AnchorFile file =
      read_anchors(std::string(kHead) +
                       "Nano,yolov8n,640,tensorrt8.2,fp16?,51.97,\"mean, of \"\"many\"\"\nruns\"\r\n"
                       "\n"
                       "Pi,yolov8s,320,ncnn,fp32 model,1e2,x\n"
                       "Pi,yolov8s,320,ncnn,fp16/32,1,x\n",
                   "a.csv");
  ASSERT_EQ(file.anchors.size(), 2u);
  EXPECT_EQ(file.anchors[0].runtime, "tensorrt");
  EXPECT_EQ(file.anchors[0].precision, Precision::fp16);
  EXPECT_EQ(file.anchors[0].latency_ns, 51'970'000);
  EXPECT_EQ(file.anchors[0].where, "a.csv:2");
  EXPECT_EQ(file.anchors[1].precision, Precision::fp32);
  EXPECT_EQ(file.anchors[1].imgsz, 320);
  EXPECT_EQ(file.anchors[1].where, "a.csv:5");  // the quoted line break counts
  ASSERT_EQ(file.skipped.size(), 1u);
  EXPECT_NE(file.skipped[0].find("fp16/32"), std::string::npos);
}

TEST(Anchors, AByteOrderMarkIsNoPartOfTheFirstColumn) {
  const AnchorFile file = read_anchors("\xEF\xBB\xBF" + std::string(kHead) + "d,m,64,ncnn,fp32,2,x\n", "a");
  ASSERT_EQ(file.anchors.size(), 1u);
  EXPECT_EQ(file.anchors[0].device, "d");
}

TEST(Anchors, ALatencyThatIsEmptyIsLeftOutAndCounted) {
  const AnchorFile file =
      read_anchors(std::string(kHead) + "d,m,64,ncnn,fp32,,x\nd,m,96,ncnn,fp32,2,x\nd,m,64,ncnn,fp32, ,\n", "a");
  ASSERT_EQ(file.anchors.size(), 1u);
  EXPECT_EQ(file.anchors[0].imgsz, 96);
  EXPECT_EQ(file.unfilled, (std::vector<int64_t>{2, 4}));
  EXPECT_TRUE(file.skipped.empty());
}

TEST(Anchors, LinesOfANumberSignAreComments) {
  const AnchorFile file = read_anchors(
      "# of the board, \"unclosed\n#\n" + std::string(kHead) + "# all\nd,m#1,64,ncnn,fp32,2,# no comment\n# end", "a");
  ASSERT_EQ(file.anchors.size(), 1u);
  EXPECT_EQ(file.anchors[0].model, "m#1");
  EXPECT_EQ(file.anchors[0].where, "a:5");
}

TEST(Anchors, ColumnsMayStandInAnyOrder) {
  const AnchorFile file =
      read_anchors("latency_ms,precision,runtime,input,model,device\n2,int8,tensorrt-fp16,64,m,d", "a");
  ASSERT_EQ(file.anchors.size(), 1u);
  EXPECT_EQ(file.anchors[0].device, "d");
  EXPECT_EQ(file.anchors[0].runtime, "tensorrt");
  EXPECT_EQ(file.anchors[0].latency_ns, 2'000'000);
}

TEST(Anchors, BadLinesAreNamed) {
  const struct {
    std::string text, part;
  } cases[] = {
      {"", "empty file"},
      {"device,model\nx,y\n", "expected a column 'input'"},
      {"{\"schema\":1}\n", "needed: device, model, input, runtime, precision, latency_ms"},
      {std::string(300, 'x'), std::string(80, 'x') + "..."},
      {std::string(kHead) + "Nano,yolov8n,640,tensorrt,fp16,51\n", "a.csv:2: expected 7 fields, got 6"},
      {std::string(kHead) + "Nano,yolov8n,640,tensorrt,fp16,fast,x\n", "a.csv:2: expected milliseconds"},
      {std::string(kHead) + "Nano,yolov8n,640,tensorrt,fp16,-1,x\n", "got '-1'"},
      {std::string(kHead) + "Nano,yolov8n,640,tensorrt,fp16,nan,x\n", "got 'nan'"},
      {std::string(kHead) + "Nano,yolov8n,640,tensorrt,fp16,0,x\n", "got '0'"},
      {std::string(kHead) + "Nano,yolov8n,1e9,tensorrt,fp16,1,x\n", "expected an image side"},
      {std::string(kHead) + "Nano,yolov8n,,tensorrt,fp16,1,x\n", "got ''"},
      {std::string(kHead) + "Nano,\"yolov8n,640\n", "quoted"},
  };
  for (const auto& [text, part] : cases) {
    try {
      read_anchors(text, "a.csv");
      ADD_FAILURE() << "expected an Error: " << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::data) << error.what();
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    }
  }
}

TEST(Anchors, NamesOfOneModelAreOne) {
  EXPECT_EQ(scaled_name("yolov8n").name, "yolov8:d0.33w0.25");
  EXPECT_EQ(scaled_name("yolov8:d0.330w0.25").name, "yolov8:d0.33w0.25");
  EXPECT_EQ(scaled_name("yolov5nu").name, "yolov5u:d0.33w0.25");
  EXPECT_EQ(scaled_name("yolov5:d1w0.5u").family, "yolov5u");
  EXPECT_EQ(scaled_name("yolov5s-cls").family, "yolov5-cls");
  EXPECT_EQ(scaled_name("yolov5s-cls").name, "yolov5-cls:d0.33w0.5");
  EXPECT_EQ(scaled_name("yolov5-cls:d0.33w0.5").name, "yolov5-cls:d0.33w0.5");
  EXPECT_EQ(scaled_name("yolov8m").width, "0.75");
  EXPECT_THROW(scaled_name("resnet18"), Error);
  EXPECT_THROW(scaled_name("yolov8:d0w"), Error);
}

TEST(Anchors, BuildsTheModelsThatTheyName) {
  EXPECT_NEAR(metrics::cost(anchor_graph("yolov8n", 640)).gflops, 8.7, 0.05);
  EXPECT_NEAR(metrics::cost(anchor_graph("yolov5nu", 640)).gflops, 7.7, 0.05);  // Ultralytics' table of YOLOv5u
  EXPECT_THROW(anchor_graph("resnet18", 256), Error);
  EXPECT_THROW(anchor_graph("yolov5u", 640), Error);
  EXPECT_THROW(anchor_graph("yolov8n", 100), Error);  // no multiple of its stride
}

}  // namespace
}  // namespace quench::devices
