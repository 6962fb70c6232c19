#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "weights/torch_checkpoint.h"
#include "weights_samples.h"

namespace quench::weights {
namespace {

using samples::dict;
using samples::global;
using samples::list;
using samples::little;
using samples::module;
using samples::tensor;
using samples::text;
using samples::torch_file;

std::string floats(int count) {
  std::string bytes;
  for (int i = 0; i < count; ++i) bytes += little(static_cast<float>(i));
  return bytes;
}

std::string message_of(const std::string& bytes, ErrorKind kind = ErrorKind::data) {
  try {
    read_checkpoint(bytes, "x.pt");
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "expected an Error";
  return "";
}

std::vector<float> values(const Checkpoint& checkpoint, const std::string& name) {
  const auto span = checkpoint.tensors.at(name).values<float>();
  return {span.begin(), span.end()};
}

std::string pair(int64_t both) { return samples::integers({both, both}); }

/// A module tree with one convolution, batch norm and activation, as `model.0`, and a head with names and strides.
std::string small_model(const std::string& activation = "SiLU", const std::string& names = "") {
  const std::string conv =
      module("torch.nn.modules.conv", "Conv2d",
             dict({text("weight"), tensor("FloatStorage", "0", 12, 0, {3, 4, 1, 1}, {4, 1, 1, 1}), text("bias"), "N"}),
             "}", "}",
             {text("kernel_size"), pair(1), text("stride"), pair(2), text("padding"), pair(0), text("dilation"),
              pair(1), text("groups"), "K\x01"});
  const std::string norm = module("torch.nn.modules.batchnorm", "BatchNorm2d",
                                  dict({text("weight"), tensor("HalfStorage", "1", 3, 0, {3}, {1})}),
                                  dict({text("num_batches_tracked"), tensor("LongStorage", "2", 1, 0, {}, {})}), "}",
                                  {text("eps"), samples::real(1e-5), text("momentum"), samples::real(0.1)});
  const std::string act = module("torch.nn.modules.activation", activation, "}", "}", "}");
  const std::string block =
      module("models.common", "Conv", "}", "}", dict({text("conv"), conv, text("bn"), norm, text("act"), act}));
  const std::string head = module("models.yolo", "Detect", "}",
                                  dict({text("anchors"), tensor("FloatStorage", "0", 12, 0, {2, 3, 2}, {6, 2, 1})}),
                                  "}", {text("stride"), tensor("FloatStorage", "3", 2, 0, {2}, {1})});
  const std::string rows =
      module("torch.nn.modules.container", "Sequential", "}", "}", dict({text("0"), block, text("1"), head}));
  return module("models.yolo", "Model", "}", "}", dict({text("model"), rows}),
                {text("names"), names.empty() ? list({text("cat"), text("dog")}) : names});
}

std::map<std::string, std::string> small_storages() {
  return {{"0", floats(12)},
          {"1", little<uint16_t>(0x3C00) + little<uint16_t>(0xC000) + little<uint16_t>(0x0001)},
          {"2", little<int64_t>(77)},
          {"3", little(8.0f) + little(16.0f)}};
}

TEST(TorchCheckpoint, ReadsModulesWithWhatTheySayOfThemselves) {
  const Checkpoint checkpoint =
      read_checkpoint(torch_file(dict({text("ema"), "N", text("model"), small_model()}), small_storages()), "x.pt");
  EXPECT_EQ(checkpoint.format, "torch");
  EXPECT_EQ(checkpoint.part, "model");
  ASSERT_EQ(checkpoint.tensors.size(), 4u);
  EXPECT_EQ(checkpoint.tensors.at("model.0.conv.weight").shape(), (Shape{3, 4, 1, 1}));
  EXPECT_EQ(values(checkpoint, "model.0.conv.weight")[11], 11);
  EXPECT_EQ(values(checkpoint, "model.0.bn.weight"), (std::vector<float>{1, -2, std::ldexp(1.0f, -24)}));
  EXPECT_EQ(checkpoint.tensors.at("model.0.bn.num_batches_tracked"), Tensor::from(std::vector<int64_t>{77}, {}));
  EXPECT_EQ(checkpoint.tensors.at("model.1.anchors").shape(), (Shape{2, 3, 2}));
  EXPECT_EQ(checkpoint.classes, (std::vector<std::string>{"cat", "dog"}));
  EXPECT_EQ(checkpoint.strides, (std::vector<double>{8, 16}));
  EXPECT_EQ(checkpoint.convolutions.at("model.0.conv"), (graph::ConvAttributes{{1, 1}, {2, 2}, {0, 0}, {1, 1}, 1}));
  EXPECT_EQ(checkpoint.norms.at("model.0.bn"), (graph::BatchNormAttributes{1e-5f, 0.1f}));
  EXPECT_EQ(checkpoint.activations.at("model.0.act"), "SiLU");
}

/// An object of a class that is no module, with its attributes.
std::string object(const std::string& package, const std::string& name, const std::vector<std::string>& state) {
  return global(package, name) + ")\x81" + dict(state) + "b";
}

const char* const kTransforms = "torchvision.transforms.transforms";

std::string compose(const std::vector<std::string>& transforms) {
  return object(kTransforms, "Compose", {text("transforms"), list(transforms)});
}

std::string center_crop(const std::string& size) {
  return module(kTransforms, "CenterCrop", "}", "}", "}", {text("size"), size});
}

/// values: the size, then other attributes.
std::string resize(std::vector<std::string> values) {
  values.insert(values.begin(), text("size"));
  return module(kTransforms, "Resize", "}", "}", "}", values);
}

/// A value of torchvision's InterpolationMode, as pickle writes it.
std::string mode(const std::string& name) {
  return "ctorchvision.transforms.functional\nInterpolationMode\n" + samples::tuple({text(name)}) + "R";
}

std::string normalize(const std::string& mean, const std::string& deviation) {
  return module(kTransforms, "Normalize", "}", "}", "}", {text("mean"), mean, text("std"), deviation});
}

std::string three(double a, double b, double c) {
  return samples::tuple({samples::real(a), samples::real(b), samples::real(c)});
}

const std::string kToTensor = object(kTransforms, "ToTensor", {});

/// What a file says whose model has those transforms, beside other entries.
Preprocessing preprocessing_of(const std::string& transforms, const std::vector<std::string>& others = {}) {
  const std::string conv =
      module("torch.nn.modules.conv", "Conv2d",
             dict({text("weight"), tensor("FloatStorage", "0", 12, 0, {3, 4, 1, 1}, {4, 1, 1, 1})}), "}", "}");
  const std::string model = module(
      "ultralytics.nn.tasks", "ClassificationModel", "}", "}", dict({text("0"), conv}),
      transforms.empty() ? std::vector<std::string>{} : std::vector<std::string>{text("transforms"), transforms});
  std::vector<std::string> file{text("model"), model};
  file.insert(file.end(), others.begin(), others.end());
  return read_checkpoint(torch_file(dict(file), small_storages()), "x.pt").preprocessing;
}

TEST(TorchCheckpoint, PreprocessingIsThatOfTheTransforms) {
  const Preprocessing both = preprocessing_of(
      compose({module(kTransforms, "Resize", "}", "}", "}", {text("size"), samples::integer(224)}),
               center_crop(pair(224)), kToTensor, normalize(three(0.485, 0.456, 0.406), three(0.229, 0.224, 0.225))}),
      {text("train_args"), dict({text("imgsz"), samples::integer(640)})});
  EXPECT_EQ(both.imgsz, 224) << "the transforms go before the training's size";
  EXPECT_EQ(both.normalization, (graph::Normalization{{0.485, 0.456, 0.406}, {0.229, 0.224, 0.225}}));
  EXPECT_TRUE(both.differences.empty());

  // YOLOv5's own CenterCrop resizes what it crops; Ultralytics keeps means as tensors (0, 1, 2 and 1, 2, 3 here).
  const Preprocessing own = preprocessing_of(
      compose({object("utils.augmentations", "CenterCrop", {text("h"), samples::integer(64), text("w"), "K\x40"}),
               object("utils.augmentations", "ToTensor", {text("half"), "\x89"}),
               normalize(tensor("FloatStorage", "0", 12, 0, {3}, {1}), tensor("FloatStorage", "0", 12, 1, {3}, {1}))}));
  EXPECT_EQ(own.imgsz, 64);
  EXPECT_EQ(own.normalization, (graph::Normalization{{0, 1, 2}, {1, 2, 3}}));
  EXPECT_TRUE(own.differences.empty());
}

TEST(TorchCheckpoint, WithoutTransformsTheSizeIsTheTrainings) {
  const std::string size = dict({text("imgsz"), samples::integer(128)});
  EXPECT_EQ(preprocessing_of("", {text("train_args"), size}).imgsz, 128);
  EXPECT_EQ(preprocessing_of("", {text("opt"), size}).imgsz, 128);
  EXPECT_EQ(preprocessing_of("", {text("opt"), object("argparse", "Namespace", {text("imgsz"), "K\x60"})}).imgsz, 96);
  EXPECT_EQ(preprocessing_of("", {text("train_args"), dict({text("imgsz"), text("big")})}).imgsz, 0);
  EXPECT_EQ(preprocessing_of("").imgsz, 0);
  EXPECT_FALSE(preprocessing_of(compose({normalize(three(0, 0, 0), three(1, 1, 1))})).normalization);
}

TEST(TorchCheckpoint, FilterAndCropAreThoseOfTheTransforms) {
  using pixels::Preparation;
  using pixels::Resampling;
  using pixels::Shaping;
  const auto pictures = [](const std::vector<std::string>& transforms) {
    return preprocessing_of(compose(transforms)).pictures;
  };
  const std::string of_256 = resize({samples::integer(256)});
  EXPECT_EQ(pictures({of_256, center_crop(pair(224)), kToTensor}),
            (Preparation{Shaping::short_side, Resampling::bilinear_antialias, 256, 224}));
  EXPECT_EQ(pictures({resize({samples::integer(224), text("interpolation"), mode("bicubic"), text("max_size"), "N"}),
                      center_crop(pair(224))}),
            (Preparation{.resampling = Resampling::bicubic_antialias}));
  EXPECT_EQ(pictures({resize({samples::integer(224), text("interpolation"), samples::integer(1)})}),
            (Preparation{.resampling = Resampling::lanczos_antialias}))
      << "Pillow's number, as torchvision once kept it";
  EXPECT_EQ(pictures({kToTensor, resize({pair(224), text("antialias"), "\x88"})}),
            (Preparation{Shaping::stretch, Resampling::bilinear_antialias}));
  EXPECT_EQ(pictures({center_crop(pair(224))}), (Preparation{.shaping = Shaping::none}));
  EXPECT_EQ(
      pictures({object("utils.augmentations", "CenterCrop", {text("h"), samples::integer(64), text("w"), "K\x40"})}),
      (Preparation{Shaping::square, Resampling::bilinear}));
  EXPECT_TRUE(pictures({resize({samples::integer(224), text("interpolation"), mode("nearest")})}).is_own())
      << "what cannot be followed is a difference";
  EXPECT_TRUE(pictures({kToTensor}).is_own());
  EXPECT_EQ(preprocessing_of("").pictures, (Preparation{.resampling = Resampling::bilinear_antialias}))
      << "what Ultralytics does where its classifier has none";
}

TEST(TorchCheckpoint, WhatPreprocessingDoesOtherwiseIsSaid) {
  const auto differences = [](const std::vector<std::string>& transforms) {
    std::string all;
    for (const std::string& one : preprocessing_of(compose(transforms)).differences) all += one + "; ";
    return all;
  };
  EXPECT_EQ(differences({resize({samples::integer(256)}), center_crop(pair(224))}), "");
  EXPECT_NE(differences({center_crop(pair(224)), resize({samples::integer(256)})}).find("resizes what it has"),
            std::string::npos);
  EXPECT_NE(differences({resize({text("big")})}).find("a size that is not known"), std::string::npos);
  EXPECT_NE(differences({resize({samples::integer(64)})}).find("keeps all of a picture that is not square"),
            std::string::npos);
  EXPECT_NE(differences({resize({samples::integer(64)}), center_crop(text("big"))}).find("crops to a size that is not"),
            std::string::npos);
  EXPECT_NE(differences({resize({pair(224), text("interpolation"), mode("nearest")})}).find("filter 'nearest'"),
            std::string::npos);
  EXPECT_NE(differences({resize({samples::integer(224), text("max_size"), samples::integer(300)})}).find("long side"),
            std::string::npos);
  const std::string plain = differences({kToTensor, resize({samples::integer(224), text("antialias"), "\x89"})});
  EXPECT_NE(plain.find("'bilinear', not antialiased"), std::string::npos) << plain;
  EXPECT_NE(differences({module(kTransforms, "Grayscale", "}", "}", "}")}).find("Grayscale"), std::string::npos);
  EXPECT_NE(differences({"N"}).find("no object"), std::string::npos);
}

TEST(TorchCheckpoint, MeansThatAreNoThreeNumbersAreRefused) {
  for (const std::string& mean :
       {text("x"), list({samples::real(1)}), std::string("N"), tensor("FloatStorage", "0", 12, 0, {2}, {1})}) {
    try {
      preprocessing_of(compose({normalize(mean, three(1, 1, 1))}));
      ADD_FAILURE() << "expected an Error";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::data);
      EXPECT_NE(std::string(error.what()).find("three means"), std::string::npos) << error.what();
    }
  }
}

TEST(TorchCheckpoint, TheAveragedWeightsGoFirst) {
  const std::string other =
      module("models.yolo", "Model", dict({text("w"), tensor("FloatStorage", "0", 12, 0, {1}, {1})}), "}", "}");
  const Checkpoint checkpoint =
      read_checkpoint(torch_file(dict({text("model"), small_model(), text("ema"), other}), small_storages()), "x.pt");
  EXPECT_EQ(checkpoint.part, "ema");
  EXPECT_EQ(checkpoint.tensors.size(), 1u);
}

TEST(TorchCheckpoint, ReadsAModuleAndStateDictsToo) {
  EXPECT_EQ(read_checkpoint(torch_file(small_model(), small_storages()), "x.pt").part, "module");
  const std::string weight = tensor("FloatStorage", "0", 12, 0, {2}, {1});
  for (const auto& [value, part] : std::vector<std::pair<std::string, std::string>>{
           {dict({text("w"), weight}), "state_dict"},
           {dict({text("state_dict"), dict({text("w"), weight}), text("epoch"), "K\x03"}), "state_dict"},
           {dict({text("model"), dict({text("w"), weight})}), "model"}}) {
    const Checkpoint checkpoint = read_checkpoint(torch_file(value, small_storages()), "x.pt");
    EXPECT_EQ(checkpoint.part, part);
    EXPECT_EQ(values(checkpoint, "w"), (std::vector<float>{0, 1}));
  }
}

TEST(TorchCheckpoint, WrappersPrefixesAreTakenOff) {
  const std::string weight = tensor("FloatStorage", "0", 12, 0, {2}, {1});
  const auto names = [&](const std::string& name) {
    return read_checkpoint(torch_file(dict({text(name), weight}), small_storages()), "x").tensors.begin()->first;
  };
  EXPECT_EQ(names("module.model.0.conv.weight"), "model.0.conv.weight");
  EXPECT_EQ(names("model.model.0.conv.weight"), "model.0.conv.weight");
  EXPECT_EQ(names("module.model.model.0.conv.weight"), "model.0.conv.weight");
  EXPECT_EQ(names("model.0.conv.weight"), "model.0.conv.weight");
}

TEST(TorchCheckpoint, ViewsAndParametersAreRead) {
  const std::string transposed = tensor("FloatStorage", "0", 12, 1, {3, 2}, {1, 4});
  const std::string parameter =
      samples::call(samples::global("torch._utils", "_rebuild_parameter"), {transposed, "\x88", "N"});
  const std::string typed =
      samples::call(samples::global("torch._tensor", "_rebuild_from_type_v2"),
                    {samples::global("torch._utils", "_rebuild_tensor_v2"), samples::global("torch", "Tensor"),
                     samples::tuple({samples::tuple({text("storage"), samples::global("torch", "FloatStorage"),
                                                     text("0"), text("cpu"), "K\x0c"}) +
                                         "Q",
                                     "K\x02", samples::integers({2}), samples::integers({3}), "\x89", "}"}),
                     "}"});
  const Checkpoint checkpoint =
      read_checkpoint(torch_file(dict({text("p"), parameter, text("t"), typed}), small_storages()), "x.pt");
  EXPECT_EQ(values(checkpoint, "p"), (std::vector<float>{1, 5, 2, 6, 3, 7}));
  EXPECT_EQ(values(checkpoint, "t"), (std::vector<float>{2, 5}));
}

TEST(TorchCheckpoint, TensorsThatAreWrongAreRefused) {
  const auto of = [](const std::string& value) { return torch_file(dict({text("w"), value}), small_storages()); };
  EXPECT_NE(message_of(of(tensor("FloatStorage", "0", 12, 0, {13}, {1}))).find("tensor w"), std::string::npos);
  message_of(of(tensor("FloatStorage", "0", 12, -1, {2}, {1})));
  message_of(of(tensor("FloatStorage", "0", 12, 0, {2}, {-1})));
  message_of(of(tensor("FloatStorage", "0", 12, 0, {int64_t{1} << 40}, {0})));
  message_of(of(tensor("FloatStorage", "0", 12, 0, {1000}, {0})));
  message_of(of(tensor("FloatStorage", "9", 12, 0, {1}, {1})));  // no such storage
  message_of(of(tensor("FloatStorage", "../version", 12, 0, {1}, {1})));
  message_of(of(tensor("DoubleStorage", "0", 12, 0, {12}, {1})));  // twice the bytes
  message_of(of(samples::call(samples::global("torch._utils", "_rebuild_tensor_v2"), {"N", "N", "N", "N"})));
  message_of(of(samples::call(samples::global("torch._utils", "_rebuild_tensor_v2"), {})));
  message_of(of(samples::call(samples::global("torch._utils", "_rebuild_parameter"), {"N"})));
  message_of(of(tensor("ComplexFloatStorage", "0", 12, 0, {1}, {1})), ErrorKind::unsupported);
  message_of(of(samples::call(samples::global("torch._utils", "_rebuild_sparse_tensor"), {})), ErrorKind::unsupported);
}

// Many names for one storage: a small file that would be large tensors.
TEST(TorchCheckpoint, TensorsTogetherAreBoundedByTheFile) {
  std::string items = text("a0") + tensor("FloatStorage", "0", 25000, 0, {25000}, {1}) + "q" + std::string(1, '\0');
  for (int i = 1; i < 1000; ++i) items += text(fmt::format("a{}", i)) + "h" + std::string(1, '\0');
  const std::string message = message_of(torch_file(dict({items}), {{"0", floats(25000)}}));
  EXPECT_NE(message.find("far more"), std::string::npos) << message;
}

TEST(TorchCheckpoint, ModulesThatHoldThemselvesEnd) {
  // m._modules["m"] = m, twice: a walk without bounds would never end.
  const std::string children = "}q\x02(" + text("a") + "h\x01" + text("b") + "h\x01" + "u";
  const std::string self = samples::global("models.yolo", "Model") + ")\x81q\x01" +
                           dict({text("_parameters"), "}", text("_buffers"), "}", text("_modules"), children}) + "b";
  EXPECT_NE(message_of(torch_file(self, {})).find("nested"), std::string::npos);
  // 60 levels, each holding the next twice: 2^60 paths.
  std::string levels = module("models.yolo", "Model", "}", "}", "}") + "q" + std::string(1, '\0');
  for (int i = 1; i < 60; ++i) {
    const std::string below = "h" + std::string(1, static_cast<char>(i - 1));
    levels += "0" + module("models.yolo", "Model", "}", "}", dict({text("a"), below, text("b"), below})) + "q" +
              std::string(1, static_cast<char>(i));
  }
  EXPECT_NE(message_of(torch_file(levels, {})).find("expected a tree of modules"), std::string::npos);
}

TEST(TorchCheckpoint, ClassNamesMayStandByNumber) {
  const auto read = [](const std::string& names) { return torch_file(small_model("SiLU", names), small_storages()); };
  EXPECT_EQ(read_checkpoint(read(dict({"K\x01", text("dog"), "K" + std::string(1, '\0'), text("cat")})), "x").classes,
            (std::vector<std::string>{"cat", "dog"}));
  message_of(read(dict({"K\x01", text("dog")})));
  EXPECT_EQ(read_checkpoint(read(dict({text("1"), text("dog"), text("0"), text("cat")})), "x").classes,
            (std::vector<std::string>{"cat", "dog"}))
      << "digits";
  message_of(read(dict({text("cat"), text("dog")})));
  message_of(read(list({"K\x01"})));
}

TEST(TorchCheckpoint, OtherFilesSayWhatTheyAre) {
  EXPECT_NE(message_of("\x80\x02}.", ErrorKind::unsupported).find("1.6"), std::string::npos);
  EXPECT_NE(message_of(samples::zip({{"m/constants.pkl", "x"}, {"m/data.pkl", "x"}}), ErrorKind::unsupported)
                .find("TorchScript"),
            std::string::npos);
  EXPECT_NE(
      message_of(samples::zip({{"m/data.pkl", "x"}, {"m/byteorder", "big"}}), ErrorKind::unsupported).find("endian"),
      std::string::npos);
  EXPECT_NE(message_of(samples::zip({{"word/document.xml", "x"}})).find("data.pkl"), std::string::npos);
  EXPECT_NE(message_of("hello").find("other bytes"), std::string::npos);
  message_of("");
  message_of(torch_file("}", {}));
  message_of(torch_file("N", {}));
}

TEST(TorchCheckpoint, AFileThatCallsTheSystemIsRefused) {
  const std::string attack = samples::global("os", "system") + samples::tuple({text("true")}) + "R";
  const std::string message =
      message_of(torch_file(dict({text("model"), small_model(), text("optimizer"), attack}), small_storages()));
  EXPECT_NE(message.find("refused os.system"), std::string::npos) << message;
  EXPECT_NE(message.find("x.pt/data.pkl"), std::string::npos) << message;
}

TEST(TorchFuzz, TruncatedAndChanged) {
  const std::string seed = torch_file(dict({text("model"), small_model()}), small_storages());
  int read = 0, refused = 0;
  const auto attempt = [&](const std::string& bytes) {
    try {
      read_checkpoint(bytes, "x.pt");
      ++read;
    } catch (const Error& error) {
      EXPECT_TRUE(error.kind() == ErrorKind::data || error.kind() == ErrorKind::unsupported) << error.what();
      ++refused;
    }
  };
  for (size_t size = 0; size < seed.size(); size += 7) attempt(seed.substr(0, size));
  EXPECT_EQ(read, 0);
  for (uint64_t round = 0; round < 3000; ++round) {
    Rng rng(0, "torch", round);
    attempt(samples::changed(seed, rng));
  }
  // The checksum hides the pickle from changes of the file: change it before it is packed.
  const std::string value = dict({text("model"), small_model()});
  for (uint64_t round = 0; round < 6000; ++round) {
    Rng rng(0, "torch pickle", round);
    attempt(torch_file(samples::changed(value, rng), small_storages()));
  }
  EXPECT_GT(read, 100);
  EXPECT_GT(refused, 3000);
}

}  // namespace
}  // namespace quench::weights
