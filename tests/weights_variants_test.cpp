// Checkpoints as people save them: under other names, with other prefixes, by dill; and what is no checkpoint of ours.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "core/error.h"
#include "core/file.h"
#include "graph/onnx_write.h"
#include "models/spec.h"
#include "weights/foreign.h"
#include "weights/import.h"
#include "weights/model_file.h"
#include "weights/pickle.h"
#include "weights_samples.h"

namespace quench::weights {
namespace {

namespace fs = std::filesystem;
using samples::call;
using samples::dict;
using samples::global;
using samples::text;
using samples::tuple;

models::BuildOptions small() {
  models::BuildOptions options;
  options.classes = {"cat", "dog"};
  options.imgsz = 64;
  return options;
}

NamedTensors tensors_of(const graph::Graph& graph) {
  NamedTensors out;
  for (const auto& [name, weight] : graph.weights) out[name] = weight.value;
  return out;
}

/// A pickled dict of tensors; their bytes go into `storages`.
std::string pickled(const NamedTensors& tensors, std::map<std::string, std::string>& storages) {
  std::vector<std::string> items;
  for (const auto& [name, value] : tensors) {
    const std::string key = std::to_string(storages.size());
    items.push_back(text(name));
    items.push_back(
        samples::tensor("FloatStorage", key, value.size(), 0, value.shape(), samples::row_major(value.shape())));
    storages[key] = samples::bytes_of(value);
  }
  return dict(items);
}

std::string message_of(const std::string& bytes, ErrorKind kind) {
  try {
    import_checkpoint(read_checkpoint(bytes, "x.pt"), {}, "x.pt");
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "expected an Error";
  return "";
}

/// Some tensors of a model, rows inside of rows among them, by the names of the models that are built here.
NamedTensors few() {
  NamedTensors out;
  for (const char* name : {"model.0.conv.weight", "model.1.conv.weight", "model.2.m.0.conv.weight",
                           "model.2.m.1.conv.weight", "model.9.linear.bias"}) {
    Tensor tensor(DType::f32, {2, 3});
    std::ranges::fill(tensor.mutable_values<float>(), static_cast<float>(out.size()) + 1);
    out.emplace(name, std::move(tensor));
  }
  return out;
}

NamedTensors with_prefix(const NamedTensors& tensors, const std::string& prefix) {
  NamedTensors out;
  for (const auto& [name, value] : tensors) out[prefix + name.substr(std::string_view("model.").size())] = value;
  return out;
}

void expect_few(const std::string& file, const std::string& what) {
  EXPECT_EQ(read_checkpoint(file, "x.pt").tensors, few()) << what;
}

TEST(Variants, AnyPrefixOfTheRows) {
  for (const char* prefix : {"model.", "", "module.", "model.model.", "module.model.", "net.model.", "_orig_mod.model.",
                             "ema.module.model.", "student.backbone."}) {
    expect_few(samples::torch_state_dict(with_prefix(few(), prefix)), prefix);
  }
}

TEST(Variants, AnyPlaceInTheFile) {
  for (const char* key : {"model", "model_state_dict", "state_dict", "net", "weights", "ema_state_dict", "params"}) {
    std::map<std::string, std::string> storages;
    const std::string state = pickled(few(), storages);
    const std::string optimizer = dict({text("state"), "}", text("param_groups"), samples::list({"}"})});
    expect_few(
        samples::torch_file(dict({text("epoch"), "K\x03", text(key), state, text("optimizer"), optimizer}), storages),
        key);
    expect_few(samples::torch_file(dict({text("ema"), tuple({dict({text(key), state}), "K\x03"})}), storages), key);
    expect_few(samples::torch_file(samples::list({dict({text(key), state})}), storages), key);
  }
}

TEST(Variants, TheMeanOfTheWeightsGoesBeforeThem) {
  NamedTensors both = with_prefix(few(), "ema_model.");
  for (auto& [name, value] : few()) both.emplace(name, Tensor(DType::f32, {2, 3}));
  expect_few(samples::torch_state_dict(both), "in one flat dict");
}

TEST(Dill, NamesOfTypesAreData) {
  const auto root = [](const std::string& value) { return pickle::load(samples::pickle(value), "x"); };
  const std::string load_type = global("dill._dill", "_load_type");
  const std::string set = call(load_type, {text("set")});
  EXPECT_NE(root(call(set, {samples::list({"K\x01"})})).root().as<pickle::Set>(), nullptr);
  EXPECT_NE(root(call(call(load_type, {text("OrderedDict")}), {})).root().as<pickle::Dict>(), nullptr);
  const pickle::Document function = root(call(load_type, {text("FunctionType")}));
  ASSERT_NE(function.root().as<pickle::Global>(), nullptr);
  EXPECT_EQ(function.root().as<pickle::Global>()->module, pickle::kMadeTypes);
  // A class that the script made, and an object of it.
  const std::string made =
      call(global("dill._dill", "_create_type"), {call(load_type, {text("type")}), text("Mine"), tuple({}), dict({})});
  const pickle::Document object = root(call(made, {}) + dict({text("a"), "K\x01"}) + "b");
  ASSERT_NE(object.root().as<pickle::Object>(), nullptr);
  EXPECT_EQ(object.root().as<pickle::Object>()->callable->as<pickle::Global>()->name, "Mine");
  for (const std::string& bad : {call(load_type, {"K\x01"}), call(load_type, {})}) EXPECT_THROW(root(bad), Error);
  EXPECT_THROW(root(call(global("dill._dill", "_eval_repr"), {text("os.system('true')")})), Error);
}

TEST(Enums, ByGetattrAreRecords) {
  const auto load = [](const std::string& value) { return pickle::load(samples::pickle(value), "x"); };
  const std::string mode = global("torchvision.transforms.functional", "InterpolationMode");
  EXPECT_NE(load(call(global("builtins", "getattr"), {mode, text("BILINEAR")})).root().as<pickle::Object>(), nullptr);
  EXPECT_NE(load(call(mode, {text("bilinear")})).root().as<pickle::Object>(), nullptr);
  EXPECT_THROW(load(call(global("builtins", "getattr"), {mode, text("__class__")})), Error);
  EXPECT_THROW(load(call(global("builtins", "getattr"), {global("os", "environ"), text("PATH")})), Error);
}

TEST(Foreign, ModelsThatAreNotReadAreNamed) {
  const auto zeros = [](const Shape& shape) { return Tensor(DType::f32, shape); };
  const auto foreign = [](NamedTensors tensors) {
    return message_of(samples::torch_state_dict(tensors), ErrorKind::unsupported);
  };
  NamedTensors v5 = tensors_of(models::build("yolov5n", small()));
  NamedTensors focus = v5;
  focus.erase("model.0.conv.weight");
  focus["model.0.conv.conv.weight"] = zeros({16, 12, 3, 3});
  EXPECT_NE(foreign(focus).find("before release 6.0"), std::string::npos);
  NamedTensors inner;  // the same, saved without `model.`
  for (const auto& [name, value] : focus) inner[name.substr(6)] = value;
  EXPECT_NE(foreign(inner).find("before release 6.0"), std::string::npos);
  NamedTensors split = v5;
  std::erase_if(split, [](const auto& named) { return named.first.starts_with("model.24."); });
  split["model.24.cv2.0.0.conv.weight"] = zeros({64, 64, 3, 3});
  split["model.24.cv3.0.0.conv.weight"] = zeros({80, 64, 3, 3});
  EXPECT_NE(foreign(split).find("YOLOv5u"), std::string::npos);

  const NamedTensors v8 = tensors_of(models::build("yolov8n", small()));
  const auto with = [&](const std::string& name, const Shape& shape) {
    NamedTensors tensors = v8;
    tensors[name] = zeros(shape);
    return foreign(tensors);
  };
  EXPECT_NE(with("model.10.m.0.attn.qkv.conv.weight", {4, 4, 1, 1}).find("YOLO11"), std::string::npos);
  EXPECT_NE(with("model.6.m.0.0.attn.qkv.conv.weight", {4, 4, 1, 1}).find("YOLO12"), std::string::npos);
  EXPECT_NE(with("model.22.one2one_cv2.0.0.conv.weight", {4, 4, 1, 1}).find("YOLOv10"), std::string::npos);
  EXPECT_NE(with("model.22.proto.cv1.conv.weight", {4, 4, 1, 1}).find("segmentation"), std::string::npos);
  EXPECT_NE(with("model.22.cv4.0.2.weight", {51, 4, 1, 1}).find("pose"), std::string::npos);
  EXPECT_NE(with("model.22.cv4.0.2.weight", {1, 4, 1, 1}).find("oriented"), std::string::npos);
  EXPECT_EQ(foreign_model(v8), "");
  EXPECT_EQ(foreign_model(v5), "");
}

TEST(Foreign, FilesThatAreNoCheckpointSayWhatTheyAre) {
  const auto said = [](const std::string& bytes, ErrorKind kind, const char* part) {
    const std::string message = message_of(bytes, kind);
    EXPECT_NE(message.find(part), std::string::npos) << message;
  };
  said("version https://git-lfs.github.com/spec/v1\noid sha256:1\n", ErrorKind::data, "git lfs pull");
  said("<!DOCTYPE html><html></html>", ErrorKind::data, "HTML page");
  said("", ErrorKind::data, "empty");
  said("\x89HDF\r\n\x1a\n", ErrorKind::data, "Keras");
  said(graph::write_onnx(models::build("yolov5n-cls", small())), ErrorKind::data, "ONNX");
  said(samples::zip({{"model/code/__torch__.py", "x", 8}, {"model/constants.pkl", "x"}, {"model/data.pkl", "x"}}),
       ErrorKind::unsupported, "TorchScript");
  said(samples::zip({{"photos/a.jpg", "x"}}), ErrorKind::data, "photos/a.jpg");
  const std::string whole = samples::torch_state_dict(tensors_of(models::build("yolov5n-cls", small())));
  said(whole.substr(0, whole.size() / 2), ErrorKind::data, "download");
}

class ModelFile : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "quench-model-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { fs::remove_all(folder_); }
  graph::ModelFile read(const fs::path& file, const fs::path& cache) {
    said_.clear();
    return read_model_file(file, cache,
                           {[&](LogLevel, std::string_view text) { said_ += std::string(text) + "\n"; }, {}});
  }
  fs::path folder_;
  std::string said_;
};

TEST_F(ModelFile, WeightsAreImportedOnceAndKept) {
  const fs::path file = folder_ / "v5.pt", cache = folder_ / "cache";
  write_file(file, samples::torch_state_dict(tensors_of(models::build("yolov5n-cls", small()))));
  const graph::ModelFile first = read(file, cache);
  EXPECT_EQ(first.path, file);
  EXPECT_NE(said_.find("imported to " + (cache / "imported").string()), std::string::npos) << said_;
  const graph::ModelFile again = read(file, cache);
  EXPECT_NE(said_.find("imported before"), std::string::npos) << said_;
  EXPECT_EQ(again.sha256, first.sha256);
  EXPECT_TRUE(again.graph == first.graph);
  for (const auto& entry : fs::directory_iterator(cache / "imported")) write_file(entry.path(), "torn");
  EXPECT_EQ(read(file, cache).sha256, first.sha256) << "made again";
  EXPECT_EQ(read(file, "").sha256, first.sha256);
  EXPECT_NE(said_.find("for this run"), std::string::npos) << said_;
}

TEST_F(ModelFile, OnnxStaysAsItIsWhateverItsName) {
  const fs::path file = folder_ / "model.pt";
  const std::string bytes = graph::write_onnx(models::build("yolov5n-cls", small()));
  write_file(file, bytes);
  EXPECT_EQ(read(file, folder_ / "cache").bytes, bytes);
  EXPECT_EQ(said_, "");
  EXPECT_FALSE(fs::exists(folder_ / "cache"));
}

TEST_F(ModelFile, OtherFilesAreNamed) {
  const fs::path file = folder_ / "model.onnx";
  write_file(file, "<html><body>404</body></html>");
  try {
    read(file, "");
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("HTML page"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("model.onnx"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace quench::weights
