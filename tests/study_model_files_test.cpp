// Files that stand as models of a study: `- best.pt` is the model that it holds, taken as it is.
#include "core/file.h"
#include "error_testing.h"
#include "graph/onnx_write.h"
#include "models/spec.h"
#include "study_testing.h"
#include "weights_samples.h"

namespace quench::study {
namespace {

namespace fs = std::filesystem;

class ModelFiles : public StudyTest {
 protected:
  void SetUp() override {
    StudyTest::SetUp();
    fs::create_directories(folder_);
  }
  static graph::Graph built(const std::string& model, int classes = 10, int imgsz = 32, int stem_stride = 2) {
    models::BuildOptions options;
    for (int i = 0; i < classes; ++i) options.classes.push_back(std::to_string(i));
    options.imgsz = imgsz;
    options.stem_stride = stem_stride;
    return models::build(model, options);
  }
  /// Weights of a model as a flat file: neither sizes nor classes stand in it.
  std::string weights(const std::string& name, const graph::Graph& graph) {
    std::map<std::string, Tensor> tensors;
    for (const auto& [weight, value] : graph.weights) tensors[weight] = value.value;
    const std::string path = (folder_ / name).string();
    write_file(path, name.ends_with(".pt") ? weights::samples::torch_state_dict(tensors)
                                           : weights::samples::safetensors_file(tensors));
    return path;
  }
  std::string onnx(const std::string& name, const graph::Graph& graph) {
    graph::save_onnx(graph, folder_ / name);
    return (folder_ / name).string();
  }
  Json meant(const std::string& models, const std::string& more = "") {
    const Json study = config::parse_yaml("study: s\nmethods: [fp32]\n" + more + "models: " + models + "\n", "t");
    return with_model_files(study, "t", {"/nonexistent", ""}, log_)["models"];
  }
  StudyFile study(const std::string& models, const std::string& more = "") {
    write_file(folder_ / "s.yaml",
               "study: s\ndata: {data: shapes, train_limit: 64, test_limit: 40}\n"
               "runtimes: [native]\nbench: {min_samples: 3, min_seconds: 0}\n" +
                   more + "models: " + models + "\n");
    return read_study(folder_ / "s.yaml", {"/nonexistent", ""}, log_);
  }
};

TEST_F(ModelFiles, AFileIsItsModelTakenAsItIs) {
  const std::string pt = weights("best.pt", built("yolov5n-cls"));
  const std::string tensors = weights("my net.safetensors", built("yolov8n"));
  const std::string net = onnx("net.onnx", built("yolov8n-cls", 10, 64, 1));
  Json models = meant("[yolov5n-cls, " + pt + ", {model: " + tensors + ", imgsz: 96, seeds: [1]}, " + net + "]");
  EXPECT_EQ(models[0], "yolov5n-cls");
  EXPECT_EQ(models[1], (Json{{"model", "yolov5n-cls"},
                             {"pretrained", pt},
                             {"name", "best"},
                             {"imgsz", 224},
                             {"stem_stride", 2},
                             {"train", {{"epochs", 0}}}}));
  EXPECT_EQ(models[2]["model"], "yolov8n");
  EXPECT_EQ(models[2]["name"], "my_net");
  EXPECT_EQ(models[2]["imgsz"], 96);
  EXPECT_EQ(models[2]["seeds"], Json({1}));
  EXPECT_EQ(models[3]["imgsz"], 64) << "the file's own";
  EXPECT_EQ(models[3]["stem_stride"], 1);
  EXPECT_GE(count_messages("taken as it is (epochs: 0)"), 3);

  EXPECT_FALSE(meant("[" + net + "]", "imgsz: 32\n")[0].contains("imgsz")) << "the study's goes before the file's";
  const Json trained = meant("{model: " + pt + ", name: mine, train: {epochs: 3}}");
  EXPECT_EQ(trained[0]["train"]["epochs"], 3);
  EXPECT_EQ(trained[0]["name"], "mine");
  EXPECT_EQ(count_messages("trained further"), 1);
}

TEST_F(ModelFiles, WhatIsNoModelOfAStudyIsRefused) {
  const auto said = [&](const std::string& models) { return error_of([&] { meant(models); }).second; };
  EXPECT_NE(said("[nowhere.pt]").find("there is no file nowhere.pt"), std::string::npos);
  EXPECT_NE(said("[yolov5n.pt]").find("quench fetch yolov5n"), std::string::npos);
  write_file(folder_ / "text.pt", "no weights at all");
  EXPECT_NE(said("[" + (folder_ / "text.pt").string() + "]").find("text.pt"), std::string::npos);
  const std::string pt = weights("a.pt", built("yolov5n-cls"));
  EXPECT_NE(said("[{model: " + pt + ", pretrained: b.pt}]").find("no 'pretrained' beside the file"), std::string::npos);
  graph::Graph cut = built("yolov5n-cls");
  cut.metadata["model"] = "yolov5s-cls";
  EXPECT_NE(said("[" + onnx("cut.onnx", cut) + "]").find("a network of its own"), std::string::npos)
      << "tensors of another shape, as pruning leaves them, would start anew";
  cut.metadata["model"] = "resnet18";
  EXPECT_NE(said("[" + onnx("other.onnx", cut) + "]").find("a network of its own"), std::string::npos);
  EXPECT_EQ(meant("[5]"), Json({5})) << "check_study says what is wrong";
}

TEST_F(ModelFiles, TablesNameThemByTheFile) {
  fs::create_directories(folder_ / "runs");
  const std::string one = weights("best.pt", built("yolov5n-cls")),
                    other = weights("runs/best.pt", built("yolov8n-cls"));
  const StudyFile made =
      study("[" + one + ", yolov5n-cls, " + weights("last.pt", built("yolov5n-cls")) + ", " + other + "]",
            "imgsz: 32\nmethods: [fp32, ptq]\ntrain: {epochs: 2}\n");
  EXPECT_TRUE(made.models[0].label.starts_with("best@32,")) << made.models[0].label;
  EXPECT_EQ(made.models[1].label, "yolov5n-cls@32");
  EXPECT_EQ(made.models[2].label, "last@32");
  EXPECT_TRUE(made.models[3].label.starts_with("best@32,")) << made.models[3].label;
  EXPECT_NE(made.models[0].label, made.models[3].label);
  EXPECT_EQ(made.models[0].train["epochs"], 0);
  EXPECT_EQ(made.models[1].train["epochs"], 2);
  for (const char* name : {"a/b", "a b", "a,b", "a@b"}) {
    const auto [kind, message] =
        error_of([&] { study(fmt::format("[{{model: yolov5n-cls, name: '{}'}}]", name), "methods: [fp32]\n"); });
    EXPECT_EQ(kind, ErrorKind::config);
    EXPECT_NE(message.find(".name"), std::string::npos) << message;
  }
}

// A file that knows its classes by number alone has the head that it came with.
TEST_F(ModelFiles, ItsWeightsAreTheStudysFloatRow) {
  const graph::Graph given = built("yolov5n-cls");
  const StudyFile made = study("[" + weights("best.pt", given) + "]", "imgsz: 32\nmethods: [fp32, ptq]\n");
  EXPECT_NO_THROW(plan(made, context()));
  const RunSummary summary = run(made, context());
  ASSERT_EQ(summary.records.size(), 2u);
  for (const record::Record& record : summary.records) {
    EXPECT_EQ(record.status, "ok") << record.reason.value_or("");
    EXPECT_EQ(record.model, "yolov5n-cls");
    EXPECT_EQ(record.entry, "best@32");
  }
  const graph::ModelFile kept = graph::read_model(folder_ / *summary.records[0].artifact);
  for (const auto& [name, weight] : given.weights) {
    EXPECT_EQ(kept.graph.weights.at(name).value, weight.value) << name;
  }
}

}  // namespace
}  // namespace quench::study
