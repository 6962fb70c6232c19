#include <gtest/gtest.h>

#include "config/yaml.h"
#include "core/error.h"
#include "core/rng.h"
#include "study/study_file.h"

namespace quench::study {
namespace {

std::string file_error(const std::string& text) {
  try {
    check_study(config::parse_yaml(text, "s.yaml"), "s.yaml");
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::config) << e.what();
    return e.what();
  }
  return "";
}

TEST(Yaml, TypesPlainScalarsAndKeepsQuotedOnesText) {
  const Json json =
      config::parse_yaml("{a: 1, b: 1.5, c: true, d: null, e: '1', f: yes, g: -3, h: 1e-3, i: [x, 2], j: .inf}", "t");
  EXPECT_EQ(
      json,
      Json::parse(R"({"a":1,"b":1.5,"c":true,"d":null,"e":"1","f":"yes","g":-3,"h":0.001,"i":["x",2],"j":".inf"})"));
  EXPECT_TRUE(json["a"].is_number_integer());
}

TEST(Yaml, JsonIsYaml) {
  EXPECT_EQ(config::parse_yaml(R"({"a": [1, {"b": "x"}]})", "t"), Json::parse(R"({"a":[1,{"b":"x"}]})"));
}

TEST(Yaml, ErrorsNameFileAndLine) {
  for (const char* text : {"a: 1\nb: [1, 2", "a: 1\na: 2", "? [x]\n: 1", "a: *nowhere"}) {
    try {
      config::parse_yaml(text, "s.yaml");
      ADD_FAILURE() << text;
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::config);
      EXPECT_EQ(std::string(e.what()).rfind("s.yaml:", 0), 0u) << e.what();
    }
  }
}

TEST(Yaml, OtherBytesThanUtf8AreAnErrorOfTheirLine) {
  for (const std::string& text : {std::string("a: 1\nb: caf\xe9\n"), std::string("a: 1\n\xff: 2\n"),
                                  std::string("a: 1\n# \xc0\x80\n"), std::string("a: 1\nb: \xed\xa0\x80\n")}) {
    try {
      config::parse_yaml(text, "s.yaml");
      ADD_FAILURE() << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::config);
      EXPECT_EQ(std::string(error.what()).rfind("s.yaml:2: expected text in UTF-8, got the byte 0x", 0), 0u)
          << error.what();
    }
  }
  EXPECT_EQ(config::parse_yaml("a: caf\xc3\xa9", "t")["a"], "caf\xc3\xa9");
}

TEST(Yaml, BoundsAliasBombsAndDepth) {
  std::string bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 12; ++i) {
    bomb += fmt::format("a{0}: &a{0} [*a{1},*a{1},*a{1},*a{1},*a{1},*a{1},*a{1},*a{1},*a{1}]\n", i, i - 1);
  }
  EXPECT_THROW(config::parse_yaml(bomb, "t"), Error);
  EXPECT_THROW(config::parse_yaml(std::string(200, '[') + std::string(200, ']'), "t"), Error);
  EXPECT_THROW(config::parse_yaml(std::string(1000000, '['), "t"), Error);
  EXPECT_THROW(config::parse_yaml(std::string(1000000, '{'), "t"), Error);
}

TEST(Study, FillsDefaultsAndExpandsLists) {
  const StudyFile study = check_study(
      config::parse_yaml(
          "study: s\nimgsz: 32\nmodels: [yolov5n-cls, {model: yolov8n-cls, train: {epochs: 2}}]\n"
          "train: {epochs: 5, flip: false}\n"
          "methods: [fp32, {method: ptq, observer: [mse, minmax], bits_w: [8, 7]}, {method: qat, epochs: 1}]\n",
          "t"),
      "t");
  ASSERT_EQ(study.models.size(), 2u);
  EXPECT_EQ(study.models[0].train["epochs"], 5);
  EXPECT_EQ(study.models[1].train["epochs"], 2);
  EXPECT_EQ(study.models[1].train["flip"], false);
  EXPECT_EQ(study.models[1].model["imgsz"], 32);
  ASSERT_EQ(study.methods.size(), 6u);  // fp32, 2 x 2 ptq, qat
  EXPECT_EQ(study.methods[1].setting, "mse,bits_w=8");
  ASSERT_EQ(study.methods[5].steps.size(), 2u);
  EXPECT_EQ(study.methods[5].steps[1].step, "finetune");
  EXPECT_EQ(study.methods[5].steps[1].settings["epochs"], 1);
  EXPECT_EQ(study.runtimes, std::vector<std::string>{"native"});
}

TEST(Study, TakesModelsOfAnyMultipliers) {
  const StudyFile study =
      check_study(config::parse_yaml(
                      "study: x\nimgsz: 32\nmodels: [yolov8-cls:d0.67w0.25, yolov5n-cls]\nmethods: [fp32]\n", "s.yaml"),
                  "s.yaml");
  ASSERT_EQ(study.models.size(), 2u);
  EXPECT_EQ(study.models[0].model["model"], "yolov8-cls:d0.67w0.25");
  EXPECT_EQ(study.task, "classify");
  const auto message = [](const std::string& name) {
    return file_error("study: x\nimgsz: 32\nmodels: [" + name + "]\nmethods: [fp32]\n");
  };
  EXPECT_NE(message("'yolov8-cls:d0w'").find("a multiplier of depth from 0.01 to 2, got 0"), std::string::npos);
  EXPECT_EQ(message("'yolov8-cls:d0w'").rfind("s.yaml", 0), 0u);
  EXPECT_NE(message("'yolov5:d1w1', yolov5n-cls").find("models of one task"), std::string::npos);
}

TEST(Study, QuantizersStandWhereTheFirstRuntimeWantsThem) {
  const std::string head = "study: s\nmodels: [yolov5n-cls]\nmethods: [ptq, {method: ptq, target: [tensorrt]}]\n";
  const auto targets = [&](const std::string& runtimes) {
    const StudyFile study = check_study(config::parse_yaml(head + runtimes, "t"), "t");
    return study.methods[0].steps[0].settings["target"].get<std::string>() + " " +
           study.methods[1].steps[0].settings["target"].get<std::string>();
  };
  EXPECT_EQ(targets(""), "native tensorrt");
  EXPECT_EQ(targets("runtimes: [onnxruntime, native]"), "onnxruntime tensorrt");
  EXPECT_EQ(targets("runtimes: [torch]"), "native tensorrt");
}

TEST(Study, RejectsWithSectionKeyAndNearest) {
  const std::string head = "study: s\nmodels: [yolov5n-cls]\nmethods: [fp32]\n";
  EXPECT_NE(file_error(head + "treads: [1]").find("did you mean 'threads'"), std::string::npos);
  EXPECT_NE(file_error(head + "train: {epoch: 3}").find("did you mean 'epochs'"), std::string::npos);
  EXPECT_NE(file_error(head + "train: {epochs: many}").find("expected an integer for 'epochs'"), std::string::npos);
  EXPECT_NE(file_error(head + "train: {lr: -1}").find("at least 0"), std::string::npos);
  EXPECT_NE(file_error("study: s\nmodels: [yolov5m-clz]\nmethods: [fp32]").find("did you mean 'yolov5m-cls'"),
            std::string::npos);
  EXPECT_NE(file_error("study: s\nmodels: [yolov5n-cls]\nmethods: [ptk]").find("did you mean 'ptq'"),
            std::string::npos);
  EXPECT_NE(file_error("study: s\nmodels: []\nmethods: [fp32]").find("at least one"), std::string::npos);
  EXPECT_NE(file_error("models: [yolov5n-cls]\nmethods: [fp32]").find("'study'"), std::string::npos);
  EXPECT_NE(file_error("study: ../s\nmodels: [yolov5n-cls]\nmethods: [fp32]").find("a folder"), std::string::npos);
  EXPECT_NE(file_error("study: s\nmodels: [yolov5n-cls]\nmethods: [fp32, fp32]").find("twice"), std::string::npos);
  const std::string unknown = file_error("study: s\nmodels: [{model: yolov5n-cls, zzzzzz: 1}]\nmethods: [fp32]");
  EXPECT_NE(unknown.find("unknown key 'zzzzzz' (known: "), std::string::npos) << unknown;
  EXPECT_NE(unknown.find("train"), std::string::npos) << unknown;
  EXPECT_NE(unknown.find("pretrained"), std::string::npos) << unknown;
  EXPECT_NE(file_error("study: s\nmodels: [{model: yolov5n-cls, tran: {epochs: 1}}]\nmethods: [fp32]").find("'train'"),
            std::string::npos);
  EXPECT_NE(file_error(head + "runtimes: [onnxruntim]").find("did you mean 'onnxruntime'"), std::string::npos);
  EXPECT_NE(file_error(head + "seeds: [0, x]").find("integers"), std::string::npos);
  EXPECT_NE(file_error("[1, 2]").find("expected a map"), std::string::npos);
  EXPECT_NE(file_error("").find("expected a map"), std::string::npos);
}

// A wrong name was once told after the first training.
TEST(Study, JobsTrainInOneProcess) {
  const std::string base = "study: s\ndata: shapes\nmodels: [yolov5n-cls]\n";
  EXPECT_EQ(file_error(base + "methods: [fp32]\ntrain: {world_size: 1}\n"), "");
  for (const char* more : {"methods: [fp32]\ntrain: {world_size: 2}\n", "methods: [{method: qat, world_size: 2}]\n",
                           "methods: [{name: t, steps: [{finetune: {epochs: 1, world_size: 2}}]}]\n"}) {
    EXPECT_NE(file_error(base + more).find("`world_size` 1, since each job"), std::string::npos) << more;
  }
}

TEST(Study, LayersThatNoModelHasAreToldBeforeAnyWork) {
  const std::string head = "study: s\nmodels: [yolov8n-cls, yolov5n-cls]\nmethods: ";
  EXPECT_EQ(file_error(head + "[{method: ptq, float_layers: [model.0.conv]}]"), "");
  EXPECT_EQ(file_error(head + "[{method: ptq, layer_bits: ['model.1.*=w4a6']}]"), "");
  const std::string wrong = file_error(head + "[fp32, {method: ptq, float_layers: [model.77.conv]}]");
  EXPECT_NE(wrong.find("model.77.conv"), std::string::npos) << wrong;
  EXPECT_NE(wrong.find("ptq of yolov8n-cls"), std::string::npos) << wrong;
  EXPECT_NE(file_error(head + "[{method: qat, layer_bits: [modle.0.conv=w4]}]").find("modle.0.conv"),
            std::string::npos);
  EXPECT_NE(file_error(head + "[{method: ptq, layer_bits: [model.0.conv=a6]}]").find("reads the image"),
            std::string::npos);
  EXPECT_NE(file_error(head + "[{name: cut, steps: [{prune: {ratio: 0.5, protect: [model.77.conv]}}]}]")
                .find("model.77.conv"),
            std::string::npos);
  const auto sparsify = [&](const std::string& settings) {
    return file_error(head + "[{name: few, steps: [{sparsify: {" + settings + "}}]}]");
  };
  EXPECT_EQ(sparsify("pattern: 2:4"), "");
  EXPECT_EQ(sparsify("sparsity: [0.5, 0.9], scope: layer, protect: [model.0.conv]"), "");
  EXPECT_NE(sparsify("pattern: 4:2").find("N < M"), std::string::npos);
  EXPECT_NE(sparsify("pattern: blocks, sparsity: 0.5").find("'blocks'"), std::string::npos);
  EXPECT_NE(sparsify("").find("`sparsity`"), std::string::npos);
  EXPECT_NE(sparsify("sparsity: 1").find("(0,1)"), std::string::npos);
  EXPECT_NE(sparsify("sparsity: 1.5").find("sparsity"), std::string::npos);
  EXPECT_NE(sparsify("sparsity: 0.5, protect: [model.77.conv]").find("model.77.conv"), std::string::npos);
  EXPECT_NE(
      file_error(head + "[{name: late, steps: [{quantize: {}}, {sparsify: {pattern: 2:4}}]}]").find("float model"),
      std::string::npos);
  // Each model is asked: this layer is YOLOv8's alone.
  EXPECT_NE(file_error(head + "[{method: ptq, float_layers: [model.2.m.0.cv1.conv, model.2.cv3.conv]}]")
                .find("of yolov8n-cls"),
            std::string::npos);
}

TEST(Study, APruneOfNoBudgetOrOfTwoIsToldBeforeAnyWork) {
  const auto prune = [](const std::string& settings) {
    return file_error("study: s\nmodels: [yolov5n-cls]\nmethods: [{name: a, steps: [{prune: {" + settings + "}}]}]");
  };
  EXPECT_EQ(prune("ratio: 0.5"), "");
  EXPECT_NE(prune("").find("got none of them"), std::string::npos);
  EXPECT_NE(prune("ratio: 0.5, target_params: 0.5x").find("got ratio and target_params"), std::string::npos);
}

TEST(Study, SurvivesAnyText) {  // fuzz: an Error{config} or a study, never a crash or another exception
  const std::string seed_text =
      "study: s\nnotes: [a]\ndata: {data: shapes, train_limit: 10}\nimgsz: 32\nmodels: [yolov5n-cls, {model: "
      "yolov8n-cls, train: {epochs: 2}}]\nseeds: [0, 1]\ntrain: {epochs: 5, flip: false, policy: none}\nmethods: "
      "[fp32, "
      "{method: ptq, observer: [mse, minmax]}, {method: qat, epochs: 1, float_layers: [model.0.conv, "
      "model.1.conv]}]\nthreads: [1]\n";
  const std::string alphabet = "[]{}:,-&*!|>'\"%@#? \n\t0129.eaxtrue~\\\0\xff";
  Rng rng(7, "fuzz study");
  int accepted = 0;
  for (int round = 0; round < 4000; ++round) {
    std::string text = seed_text;
    for (uint64_t edits = 1 + rng.below(4); edits > 0 && !text.empty(); --edits) {
      const size_t at = rng.below(text.size());
      switch (rng.below(4)) {
        case 0: text[at] = alphabet[rng.below(alphabet.size())]; break;
        case 1: text.insert(at, 1, alphabet[rng.below(alphabet.size())]); break;
        case 2: text.erase(at, 1 + rng.below(8)); break;
        default: text.resize(at + 1); break;
      }
    }
    try {
      check_study(config::parse_yaml(text, "fuzz"), "fuzz");
      ++accepted;
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::config) << text;
    }
  }
  EXPECT_GT(accepted, 30);
}

}  // namespace
}  // namespace quench::study
