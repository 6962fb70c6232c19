// Models whose weights or activations mean nothing: whoever asks how good they are is told so, not "0.00 %".
#include "hostile_testing.h"

namespace quench {
namespace {

class RunAway : public Hostile {
 protected:
  void SetUp() override {
    Hostile::SetUp();
    make_model("classifier.onnx");
    make_model("detector.onnx", "yolov8n");
    for (const std::string model : {"classifier", "detector"}) {
      change_model(model + ".onnx", model + "-weight.onnx", [](graph::Graph& graph) {
        graph.weights.at("model.0.conv.weight").value.mutable_values<float>()[7] = 1e30f;
      });
      // Each weight is fine, what comes of them is not: 1e15 x 1e15 x 1e15.
      change_model(model + ".onnx", model + "-values.onnx", [](graph::Graph& graph) {
        for (auto& [name, weight] : graph.weights) {
          if (!name.ends_with(".conv.weight")) continue;
          for (float& value : weight.value.mutable_values<float>()) value = value < 0 ? -1e15f : 1e15f;
        }
      });
    }
    ASSERT_EQ(quench("data show shapes --count 1 -o one.png").code, 0);
  }
  const std::string weight_ = "(weight model.0.conv.weight)";
};

TEST_F(RunAway, EvalSaysSo) {
  const std::string shapes = " --data shapes --test-limit 8 --runtime ";
  for (const std::string runtime : {"native", "torch"}) {
    expect_harmless_error("eval classifier-weight.onnx" + shapes + runtime, 2, {"1e+30", weight_});
    expect_last_line("eval classifier-values.onnx" + shapes + runtime, 2, {"expected outputs of finite values"});
    const Outcome fine = quench("eval classifier.onnx" + shapes + runtime);
    EXPECT_EQ(fine.code, 0) << fine.err;
  }
}

TEST_F(RunAway, EvalOfADetectorSaysSo) {
  fs::create_directories(folder_ / "set/images");
  fs::rename(folder_ / "one.png", folder_ / "set/images/one.png");
  write_file(folder_ / "set/labels/one.txt", "3 0.5 0.5 0.5 0.5\n");
  write_file(folder_ / "set/data.yaml", "train: images\nval: images\nnames: [a, b, c, d, e, f, g, h, i, j]\n");
  const std::string data = " --data set/data.yaml";
  EXPECT_EQ(quench("eval detector.onnx" + data).code, 0);
  EXPECT_EQ(quench("eval detector.onnx --rect" + data).code, 0);
  for (const std::string how : {"", " --rect"}) {
    expect_last_line("eval detector-weight.onnx" + data + how, 2, {weight_});
    expect_last_line("eval detector-values.onnx" + data + how, 2, {"expected outputs of finite values"});
  }
}

TEST_F(RunAway, PredictSaysSo) {
  const std::string one = " --source one.png --save none --runtime ";
  for (const std::string runtime : {"native", "torch"}) {
    for (const std::string model : {"classifier", "detector"}) {
      expect_harmless_error("predict " + model + "-weight.onnx" + one + runtime, 2, {"1e+30", weight_});
      expect_last_line("predict " + model + "-values.onnx" + one + runtime, 2, {"expected outputs of finite values"});
      EXPECT_EQ(quench("predict " + model + ".onnx" + one + runtime).code, 0);
    }
  }
}

TEST_F(RunAway, CalibrationSaysSo) {
  const std::string quantize = " --data shapes --calibration-images 8 -o out.onnx";
  expect_harmless_error("quantize classifier-weight.onnx" + quantize, 2, {"[graph.magnitude]", weight_});
  expect_harmless_error("quantize classifier-values.onnx" + quantize, 2, {"[quant.", "(edge "});
}

TEST_F(RunAway, AQuantizedModelSaysSo) {
  const Outcome made = quench("quantize classifier.onnx --data shapes --calibration-images 8 -o out.onnx");
  ASSERT_EQ(made.code, 0) << made.err;
  change_model("out.onnx", "scale.onnx", [](graph::Graph& graph) {
    for (graph::Edge& edge : graph.edges) {
      if (edge.quant && &edge != &graph.edge(graph.inputs[0])) edge.quant->scale = {1e28f};
    }
  });
  expect_harmless_error("eval scale.onnx --data shapes --test-limit 8", 2, {"[graph.magnitude]", "(activation "});
}

TEST_F(RunAway, AStudysCellSaysSo) {
  write_file(folder_ / "s.yaml",
             "study: s\ndata: {data: shapes, train_limit: 32, test_limit: 8}\nimgsz: 32\ntrain: {epochs: 0}\n"
             "models: [{model: yolov5n-cls, pretrained: classifier-weight.onnx}]\n"
             "methods: [fp32, {method: ptq, calibration_images: 8}]\n"
             "bench: {min_samples: 2, min_seconds: 0}\n");
  const Outcome outcome = quench("study run s.yaml --out r --format jsonl");
  EXPECT_EQ(outcome.code, 1) << outcome.err;
  const std::vector<std::string> lines = split_text(outcome.out, '\n');
  ASSERT_EQ(lines.size(), 2u) << outcome.err;
  for (const std::string& line : lines) {
    const Json record = parse_json(line, "record");
    EXPECT_EQ(record["status"], "failed");
    EXPECT_NE(record["reason"].get<std::string>().find(weight_), std::string::npos) << record["reason"];
    EXPECT_TRUE(record["top1"].is_null());
  }
}

}  // namespace
}  // namespace quench
