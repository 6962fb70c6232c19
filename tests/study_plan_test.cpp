#include <gtest/gtest.h>

#include <set>

#include "config/tables.h"
#include "config/yaml.h"
#include "core/error.h"
#include "error_testing.h"
#include "study/cell_record.h"
#include "study/plan.h"

namespace quench::study {
namespace {

StudyFile make(const std::string& extra) {
  return check_study(config::parse_yaml("study: s\nmodels: [yolov5n-cls, yolov8n-cls]\n"
                                        "methods: [fp32, {method: ptq, observer: [mse, minmax]}, qat]\n" +
                                            extra,
                                        "t"),
                     "t");
}

TEST(Plan, ExpandsEveryCombinationOnce) {
  const auto cells = expand(make("seeds: [0, 1]\nthreads: [1, 2]\nruntimes: [onnxruntime, torch]\n"), {});
  EXPECT_EQ(cells.size(), 2u * 2 * 4 * 2 * 2);
  std::set<std::string> ids;
  for (const Cell& cell : cells) ids.insert(cell.id);
  EXPECT_EQ(ids.size(), cells.size());
}

TEST(Plan, AModelMayHaveSeedsAndMethodsOfItsOwn) {
  const Json study = config::parse_yaml(
      "study: s\nmodels: [yolov5n-cls, {model: yolov5s-cls, seeds: 7, methods: [fp32, ptq]}]\n"
      "methods: [fp32, {method: ptq, observer: [mse, minmax]}, qat]\nseeds: [0, 1]\n",
      "t");
  std::set<std::string> small;
  size_t nano = 0;
  for (const Cell& cell : expand(check_study(study, "t"), {})) {
    if (cell.model.model["model"] == "yolov5n-cls") {
      ++nano;
      continue;
    }
    EXPECT_EQ(cell.seed, 7);
    small.insert(cell.method.method + " " + cell.method.setting);
  }
  EXPECT_EQ(nano, 2u * 4);
  EXPECT_EQ(small, (std::set<std::string>{"fp32 ", "ptq minmax", "ptq mse"}));
}

TEST(Plan, AModelsOwnMethodsAreTheStudys) {
  const Json study =
      config::parse_yaml("study: s\nmodels: [{model: yolov5n-cls, methods: [qta]}]\nmethods: [fp32, qat]\n", "t");
  const auto [kind, message] = error_of([&] { check_study(study, "t"); });
  EXPECT_EQ(kind, ErrorKind::config);
  EXPECT_NE(message.find("unknown method 'qta'"), std::string::npos) << message;
  EXPECT_NE(message.find("known: fp32, qat"), std::string::npos) << message;
}

TEST(Plan, EachSeedCalibratesOnOtherImages) {
  const Json study = config::parse_yaml(
      "study: s\nmodels: [yolov5n-cls]\nmethods: [{method: ptq, calibration_seed: 5}]\nseeds: [0, 2]\n", "t");
  std::vector<int64_t> seeds;
  for (const Cell& cell : expand(check_study(study, "t"), {})) {
    seeds.push_back(cell.steps.at(1).settings["calibration_seed"]);
  }
  EXPECT_EQ(seeds, (std::vector<int64_t>{5, 7}));
}

TEST(Plan, SeedsStandUnderSeedsAlone) {
  for (const char* text :
       {"train: {seed: 1}", "models: [{model: yolov5n-cls, train: {seed: 1}}]", "methods: [{method: qat, seed: 2}]",
        "methods: [{name: m, steps: [{finetune: {seed: 2}}]}]"}) {
    Json study = config::parse_yaml("study: s\nmodels: [yolov5n-cls]\nmethods: [fp32]\n", "t");
    study.update(config::parse_yaml(text, "t"));
    const auto [kind, message] = error_of([&] { check_study(study, "t"); });
    EXPECT_EQ(kind, ErrorKind::config) << text;
    EXPECT_NE(message.find("under the key 'seeds'"), std::string::npos) << message;
  }
}

TEST(Plan, TwoModelsOfOnePathAreAnError) {
  const Json study = config::parse_yaml(
      "study: s\nmodels: [yolov5n-cls]\nmethods: [{method: ptq, observer: [mse, minmax]}, {name: ptq-mse, steps: "
      "[{quantize: {observer: minmax}}]}]\n",
      "t");
  const auto [kind, message] = error_of([&] { expand(check_study(study, "t"), {}); });
  EXPECT_EQ(kind, ErrorKind::config);
  EXPECT_NE(message.find("artifacts/yolov5n-cls/ptq-mse-s0.onnx"), std::string::npos) << message;
}

TEST(Plan, CellsShareTheStepsThatBeginAlike) {
  const StudyFile study = make("threads: [1, 2]\nseeds: [0, 1]\n");
  std::set<std::string> trainings, quantized, artifacts;
  for (const Cell& cell : expand(study, {})) {
    trainings.insert(cell.steps.at(0).key);
    if (cell.steps.size() > 1) quantized.insert(cell.steps.at(1).key);
    artifacts.insert(cell.model_key());
  }
  EXPECT_EQ(trainings.size(), 2u * 2);      // models x seeds
  EXPECT_EQ(quantized.size(), 2u * 2 * 2);  // and observers: QAT begins as PTQ by mse does
  EXPECT_EQ(artifacts.size(), 2u * 2 * 4);  // and methods; threads share
}

// A budget of latency depends on the device that it is of; work without one keeps the keys that it had.
TEST(Plan, KeysCoverTheDeviceOfALatency) {
  const auto key = [](const std::string& settings, const std::string& device) {
    InputDigests digests{"a", "b"};
    digests.latency = [&](const Json& all) { return device + all.value("latency_device", "host"); };
    const std::string method = "methods: [{name: cut, steps: [{prune: {" + settings + "}}]}]\n";
    const auto study = check_study(config::parse_yaml("study: s\nmodels: [yolov5n-cls]\n" + method, "t"), "t");
    return expand(study, digests).front().model_key();
  };
  const std::string latency = "target_latency: 0.7x";
  EXPECT_NE(key(latency, "this machine "), key(latency, "another "));
  EXPECT_NE(key(latency, "x"), key(latency + ", latency_device: ssh://board", "x"));
  EXPECT_NE(key(latency, "x"), key(latency + ", latency_precision: int8", "x"));
  EXPECT_EQ(key("ratio: 0.5", "this machine "), key("ratio: 0.5", "another "));
  // From before there were latencies: what was done with these settings is found again.
  const Json settings = config::prune_options().checked({{"ratio", 0.5}}, "t");
  EXPECT_EQ(canonical_text(settings),
            R"({"calibration_batch":8,"calibration_images":512,"calibration_seed":0,"criterion":"l1","keep_min":1,)"
            R"("max_ratio":1.0,"normalisation":"mean","protect":[],"ranking":"global","ratio":0.5,"reduction":"mean",)"
            R"("round":1,"seed":0,"target_gflops":null,"target_params":null})");
  EXPECT_EQ(error_of([&] { key("target_latency: 12", "x"); }).first, ErrorKind::config) << "no unit";
  EXPECT_EQ(error_of([&] { key(latency + ", ratio: 0.5", "x"); }).first, ErrorKind::config);
}

TEST(Plan, KeysCoverTheFileThatAStepLooksBackAt) {
  const auto cell = [](const std::string& settings, const std::string& content) {
    InputDigests digests{"a", "b"};
    digests.teacher = [&](const std::string& file) { return file + content; };
    const std::string method =
        "methods: [{name: r, steps: [{prune: {ratio: 0.5}}, {finetune: {epochs: 1}}, quantize, "
        "{adaround: {" +
        settings + "}}]}]\n";
    const auto study = check_study(config::parse_yaml("study: s\nmodels: [yolov5n-cls]\n" + method, "t"), "t");
    return expand(study, digests).front();
  };
  EXPECT_NE(cell("reference: f.onnx", "1").model_key(), cell("reference: f.onnx", "2").model_key());
  EXPECT_EQ(cell("", "1").model_key(), cell("", "2").model_key());
  // train, prune, finetune, quantize, adaround, convert: what was pruned and trained is what was quantized.
  const Cell chain = cell("", "");
  ASSERT_EQ(chain.steps.size(), 6u);
  EXPECT_EQ(unquantized_step(chain, 4), 2u);
  EXPECT_EQ(unquantized_step(chain, 3), std::nullopt);
  EXPECT_FALSE(config::quantize_options().defaults().contains("weight_scales")) << "keys of before stay";
}

TEST(Plan, KeysCoverSettingsAndDataAndNotWhereTheDataLie) {
  const auto first = [](const std::string& extra, const InputDigests& digests) {
    return expand(make(extra), digests)[1];  // PTQ
  };
  const Cell cell = first("", {"a", "b"});
  const Cell elsewhere = first("data: {data: cifar100, data_root: /elsewhere}\n", {"a", "b"});
  EXPECT_EQ(cell.model_key(), elsewhere.model_key());
  EXPECT_EQ(canonical_text(cell.config), canonical_text(elsewhere.config));
  EXPECT_NE(cell.model_key(), first("train: {lr: 0.2}\n", {"a", "b"}).model_key());
  EXPECT_NE(cell.model_key(), first("", {"other", "b"}).model_key()) << "training images changed under the path";
  EXPECT_NE(canonical_text(cell.config), canonical_text(first("", {"a", "other"}).config)) << "test images did";
  InputDigests weights{"a", "b"};
  weights.weights = [](const Json&) { return std::string("c"); };
  EXPECT_NE(cell.model_key(), first("", weights).model_key()) << "the file of initial weights did";
}

// Two entries of one model once had one id: the second was never trained, and its row showed the first's figures.
TEST(Plan, EntriesOfOneModelAreToldApartByWhatDiffers) {
  const auto study = check_study(config::parse_yaml("study: s\nimgsz: 32\nmethods: [fp32, qat]\nmodels:\n"
                                                    "  - yolov5n-cls\n"
                                                    "  - {model: yolov5n-cls, stem_stride: 1}\n"
                                                    "  - {model: yolov5n-cls, pretrained: /a b/w.onnx}\n"
                                                    "  - {model: yolov5n-cls, train: {epochs: 7, lr: 0.5}}\n"
                                                    "  - {model: yolov5n-cls, imgsz: 64}\n",
                                                    "t"),
                                 "t");
  const auto cells = expand(study, {});
  std::set<std::string> ids, keys, files;
  for (const Cell& cell : cells) {
    ids.insert(cell.id);
    keys.insert(cell.model_key());
    files.insert(artifact_path(cell));
  }
  EXPECT_EQ(ids.size(), 10u);
  EXPECT_EQ(keys.size(), 10u);
  EXPECT_EQ(files.size(), 10u);
  EXPECT_NE(cells[2].id.find("stem_stride=1"), std::string::npos) << cells[2].id;
  EXPECT_EQ(cells[8].id, "yolov5n-cls@64/fp32/native/t1/s0") << "what is alone keeps its short name";
  EXPECT_EQ(artifact_path(cells[8]), "artifacts/yolov5n-cls@64/fp32-s0.onnx");
}

// Files of one name in two folders once gave two entries one id.
TEST(Plan, PretrainedFilesAreToldApartByTheirFolders) {
  const auto study = check_study(config::parse_yaml("study: s\nmethods: [fp32]\nmodels:\n"
                                                    "  - {model: yolov5n-cls, pretrained: runs/a/best.onnx}\n"
                                                    "  - {model: yolov5n-cls, pretrained: runs/b/best.onnx}\n"
                                                    "  - {model: yolov5n-cls, pretrained: best.onnx}\n"
                                                    "  - {model: yolov5n-cls, pretrained: other/b/best.onnx}\n"
                                                    "  - {model: yolov5n-cls, pretrained: runs/b/last.onnx}\n",
                                                    "t"),
                                 "t");
  std::vector<std::string> labels;
  for (const ModelEntry& model : study.models) labels.push_back(model.label);
  EXPECT_EQ(labels,
            (std::vector<std::string>{"yolov5n-cls,pretrained=a_best.onnx", "yolov5n-cls,pretrained=runs_b_best.onnx",
                                      "yolov5n-cls,pretrained=best.onnx", "yolov5n-cls,pretrained=other_b_best.onnx",
                                      "yolov5n-cls,pretrained=last.onnx"}));
  EXPECT_EQ(expand(study, {}).size(), 5u);
}

// Names that no file can tell apart once ended in "two models would be written to ...: give a method another name".
TEST(Plan, PretrainedFilesOfLikeNamesAreToldApart) {
  for (const auto& [one, other] : {std::pair("\xc3\xa4.onnx", "\xc3\xb6.onnx"), std::pair("a/b.onnx", "a_b.onnx"),
                                   std::pair("a b.onnx", "a-b.onnx")}) {
    const std::string text = fmt::format(
        "study: s\nmethods: [fp32]\nmodels:\n  - {{model: yolov5n-cls, pretrained: {}}}\n"
        "  - {{model: yolov5n-cls, pretrained: c/b.onnx}}\n  - {{model: yolov5n-cls, pretrained: {}}}\n",
        one, other);
    const StudyFile study = check_study(config::parse_yaml(text, "t"), "t");
    std::set<std::string> ids, files;
    for (const Cell& cell : expand(study, {})) {
      ids.insert(cell.id);
      files.insert(artifact_path(cell));
    }
    EXPECT_EQ(ids.size(), 3u) << one;
    EXPECT_EQ(files.size(), 3u) << one;
    Json turned = config::parse_yaml(text, "t");
    std::ranges::reverse(turned["models"]);
    EXPECT_EQ(check_study(turned, "t").models[0].label, study.models[2].label) << "wherever it stands";
  }
}

TEST(Plan, RecordsSayTheEntryAndTheTask) {
  const StudyFile study = check_study(config::parse_yaml("study: s\nimgsz: 32\nmethods: [fp32]\nmodels:\n"
                                                         "  - yolov5n-cls\n  - {model: yolov5n-cls, stem_stride: 1}\n",
                                                         "t"),
                                      "t");
  const auto cells = expand(study, {});
  const record::Record record = start_record(study, cells.at(1), "test");
  EXPECT_EQ(record.model, "yolov5n-cls");
  EXPECT_EQ(record.entry, "yolov5n-cls@32,stem_stride=1");
  EXPECT_EQ(record.task, "classify") << "also of a row that fails";
}

TEST(Plan, FineTuningHasTheModelsOwnTrainingSettings) {
  const auto study =
      check_study(config::parse_yaml("study: s\nmethods: [qat]\ntrain: {batch: 64}\nmodels:\n"
                                     "  - {model: yolov5n-cls, train: {batch: 32, flip: false}}\n  - yolov8n-cls\n",
                                     "t"),
                  "t");
  const auto cells = expand(study, {});
  const auto tuned = [](const Cell& cell) { return cell.steps.at(2).settings; };
  EXPECT_EQ(cells[0].steps.at(2).step, "finetune");
  EXPECT_EQ(tuned(cells[0])["batch"], 32);
  EXPECT_EQ(tuned(cells[0])["flip"], false);
  EXPECT_EQ(tuned(cells[1])["batch"], 64);
  EXPECT_EQ(tuned(cells[1])["flip"], true);
}

TEST(Plan, DevicesAreCellsOfTheirOwn) {
  const std::string devices =
      "runtimes: [native]\nthreads: [4]\ndevices: [host, ssh://nvidia@nano:2222, {name: pi5, address: ssh://pi}]\n";
  const StudyFile study = make(devices);
  const auto cells = expand(study, {});
  const auto host = expand(make("runtimes: [native]\nthreads: [4]\n"), {});
  ASSERT_EQ(cells.size(), 3 * host.size());
  EXPECT_EQ(cells[0].id, host[0].id);
  EXPECT_EQ(canonical_text(cells[0].config), canonical_text(host[0].config));
  EXPECT_EQ(cells[1].id, "yolov5n-cls/fp32/native@nano/t4/s0");
  EXPECT_EQ(cells[2].id, "yolov5n-cls/fp32/native@pi5/t4/s0");
  EXPECT_EQ(cells[2].config["device"], "pi5");
  EXPECT_EQ(cells[2].device.address, "ssh://pi");
  EXPECT_EQ(cells[1].model_key(), cells[0].model_key())
      << "what is trained and compressed does not depend on where it runs";
}

TEST(Plan, DevicesThatAreNoneAreRefused) {
  for (const char* bad : {"devices: []", "devices: [nano]", "devices: [{name: nano}]", "devices: [ssh://-x]",
                          "devices: [3]", "devices: [{address: ssh://nano, adress: x}]", "devices: [host, host]",
                          "devices: [ssh://a@nano, ssh://b@nano]", "devices: [{name: a/b, address: ssh://nano}]",
                          "devices: [{name: host, address: nano}]", "devices: [{name: host, address: ssh://nano}]"}) {
    try {
      make(std::string(bad) + "\n");
      ADD_FAILURE() << bad;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::config) << bad << ": " << error.what();
    }
  }
}

// What a training can be told stands once, in config/train_settings.inc and the table of augmentation.
TEST(Plan, EverySettingOfATrainingIsInStudyFilesAndRecords) {
  for (const config::Option& option : config::fit_options().options()) {
    if (option.name == "seed") continue;  // SeedsStandUnderSeedsAlone
    const std::string line = fmt::format("train: {{{}: {}}}\n", option.name, option.default_value.dump());
    const Cell cell = expand(make(line), {}).front();
    const record::Record record = start_record(make(line), cell, "test");
    EXPECT_EQ(record.config["steps"][0]["train"][option.name], option.default_value) << option.name;
  }
  const auto [kind, message] = error_of([] { make("train: {warmup_epoch: 1}\n"); });
  EXPECT_EQ(kind, ErrorKind::config);
  EXPECT_NE(message.find("warmup_epochs"), std::string::npos) << message;
}

}  // namespace
}  // namespace quench::study
