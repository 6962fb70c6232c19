// Models and data as people have them, through the program: weights in the place of a model, classes of other names,
// pictures without labels, several sources.
#include "cli_testing.h"
#include "models/spec.h"
#include "weights_samples.h"

namespace quench {
namespace {

class CliData : public Cli {
 protected:
  void SetUp() override {
    Cli::SetUp();
    ASSERT_EQ(quench("export yolov5n --classes 3 --imgsz 64 -o plain.onnx").code, 0);
    for (const char* name : {"a", "b"}) {
      ASSERT_EQ(quench(fmt::format("data show shapes --count 1 -o set/images/{}.png", name)).code, 0);
      write_file(folder_ / fmt::format("set/labels/{}.txt", name), "0 0.5 0.5 0.5 0.5\n");
    }
    names("[cat, 'sea lion', couch]");
    weights("model.safetensors", R"(["cat","sea lion","couch"])");
  }
  /// A yolov5n of those classes.
  void weights(const std::string& file, const std::string& classes) const {
    models::BuildOptions options;
    options.classes = parse_json(classes, "classes").get<std::vector<std::string>>();
    options.imgsz = 64;
    std::map<std::string, Tensor> tensors;
    for (const auto& [name, weight] : models::build("yolov5n", options).weights) tensors[name] = weight.value;
    write_file(folder_ / file, weights::samples::safetensors_file(tensors, {{"names", classes}}));
  }
  void names(const std::string& names) const {
    write_file(folder_ / "set/data.yaml", "train: images\nval: images\nnames: " + names + "\n");
  }
  Outcome here(const std::string& arguments) const {
    return run(fmt::format("HOME={} {} {}", folder_.string(), QUENCH_PROGRAM, arguments));
  }
};

TEST_F(CliData, WeightsStandWhereAModelMay) {
  const Outcome first = here("info model.safetensors --format json");
  ASSERT_EQ(first.code, 0) << first.err;
  EXPECT_EQ(parse_json(first.out, "info")["model"], "yolov5n");
  EXPECT_NE(first.err.find("imported to"), std::string::npos) << first.err;
  const Outcome again = here("export model.safetensors --imgsz 64 -o made.onnx");
  ASSERT_EQ(again.code, 0) << again.err;
  EXPECT_NE(again.err.find("imported before"), std::string::npos) << again.err;
  write_file(folder_ / "page.pt", "<!DOCTYPE html><html></html>");
  expect_error("info page.pt", 2, {"HTML page", "page.pt"});
  expect_error("import page.pt -o x.onnx", 2, {"HTML page", "page.pt"});
}

TEST_F(CliData, ClassesAreMatchedByName) {
  ASSERT_EQ(here("import model.safetensors --imgsz 64 -o m.onnx").code, 0);
  const auto eval = [&](const std::string& more = "") {
    return quench("eval m.onnx --runtime torch --data set/data.yaml --format json " + more);
  };
  const Outcome plain = eval();
  ASSERT_EQ(plain.code, 0) << plain.err;
  names("[Cat, sea_lion, sofa]");
  const Outcome matched = eval();
  ASSERT_EQ(matched.code, 0) << matched.err;
  EXPECT_NE(matched.err.find("'Cat' is 'cat', 'sea_lion' is 'sea lion', 'sofa' is 'couch'"), std::string::npos)
      << matched.err;
  EXPECT_EQ(parse_json(matched.out, "eval")[0]["map_50_95"], parse_json(plain.out, "eval")[0]["map_50_95"]);
  names("[cat]");
  const Outcome fewer = eval();
  ASSERT_EQ(fewer.code, 0) << fewer.err;
  EXPECT_NE(fewer.err.find("1 of the model's 3"), std::string::npos) << fewer.err;
  names("[Katze, Hund]");
  const Outcome foreign = eval();
  EXPECT_EQ(foreign.code, 2);
  for (const char* part : {"class 0", "'Katze'", "--class-map"}) {
    EXPECT_NE(foreign.err.find(part), std::string::npos) << foreign.err;
  }
  write_file(folder_ / "map.yaml", "Katze: cat\nHund: ~\n");
  const Outcome mapped = eval("--class-map map.yaml");
  ASSERT_EQ(mapped.code, 0) << mapped.err;
  EXPECT_NE(mapped.err.find("'Katze' is 'cat' by the class map"), std::string::npos) << mapped.err;
}

TEST_F(CliData, NothingAnnotatedIsNoScore) {
  names("[class_0, class_1, class_2]");
  for (const char* name : {"a", "b"}) write_file(folder_ / fmt::format("set/labels/{}.txt", name), "");
  const Outcome outcome = quench("eval plain.onnx --runtime torch --data set/data.yaml --format json");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_TRUE(parse_json(outcome.out, "eval")[0]["map_50_95"].is_null());
}

TEST_F(CliData, PicturesWithoutLabelsCalibrate) {
  fs::remove_all(folder_ / "set/labels");
  fs::remove(folder_ / "set/data.yaml");
  const Outcome outcome = quench("quantize plain.onnx --data set/images -o q.onnx");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_NE(outcome.err.find("2 pictures without labels"), std::string::npos) << outcome.err;
  expect_error("finetune plain.onnx --data set/images -o f.onnx", 3, {"set/images"});
  expect_error("quantize plain.onnx --data set/nowhere -o q.onnx", 3, {"set/nowhere"});
}

TEST_F(CliData, SeveralSourcesPatternsAndLists) {
  const std::string call = "predict plain.onnx --runtime torch --save none --format json --source ";
  write_file(folder_ / "list.txt", "set/images/a.png\r\nset/images/b.png\r\n");
  for (const char* source : {"set/images/a.png set/images/b.png", "'set/images/*.png'", "list.txt", "set/images/*.png",
                             "set/images set/images/a.png"}) {
    const Outcome outcome = quench(call + source);
    ASSERT_EQ(outcome.code, 0) << source << outcome.err;
    EXPECT_EQ(parse_json(outcome.out, source)["summary"]["images"], 2) << source;
  }
  expect_error("predict plain.onnx --source nowhere.png", 2, {"nowhere.png", "no such file"});
  expect_error("predict plain.onnx --source set/images --conf 0.5", 2, {"--conf", "'--confidence'"});
  expect_error("predict model=plain.onnx source=set/images", 2, {"model=plain.onnx"});
  expect_error("export plain.onnx --imgsz 64 32 -o e.onnx", 2, {"'32'", "--imgsz takes one value"});
}

TEST_F(CliData, WrittenLabelsAreRead) {
  names("[class_0, class_1, class_2]");
  ASSERT_EQ(quench("predict plain.onnx --runtime torch --source set/images --save txt --confidence 1e-7 -o out").code,
            0);
  for (const char* name : {"a.txt", "b.txt"}) {
    fs::copy(folder_ / "out/labels" / name, folder_ / "set/labels" / name, fs::copy_options::overwrite_existing);
  }
  const Outcome outcome = quench("data check set/data.yaml --format json");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const Json split = parse_json(outcome.out, "check")["splits"][0];
  EXPECT_GT(split["objects"], 0);
  EXPECT_FALSE(split["kinds"].contains("numbers")) << outcome.out;
}

}  // namespace
}  // namespace quench
