// The runtime over a script that stands for trtexec: it takes the flags of the real one's versions, and writes files of
// the real one's forms. No GPU was near.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "core/file.h"
#include "core/hash.h"
#include "core/text.h"
#include "error_testing.h"
#include "graph/onnx_write.h"
#include "models/spec.h"
#include "runtime/measure.h"
#include "runtime/tensorrt.h"
#include "runtime/tensorrt_engine.h"

namespace quench::runtime {
namespace {

namespace fs = std::filesystem;

class TensorRtTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / fmt::format("quench-tensorrt-test-{}", ::getpid());
    fs::remove_all(folder_);
    fs::create_directories(folder_ / "bin");
    fs::copy_file(fs::path(QUENCH_SOURCE_DIR) / "tests/fake_trtexec.sh", folder_ / "bin/trtexec");
    use_version(GetParam());
  }
  void TearDown() override { fs::remove_all(folder_); }

  void use_version(const std::string& version) { put("version", version); }
  void put(const std::string& name, const std::string& text) { write_file(folder_ / "bin" / name, text + "\n"); }
  /// The runtimes float32 and float16, found anew.
  std::vector<std::unique_ptr<Runtime>> runtimes(bool cached = true) const {
    return tensorrt_runtimes({"/nowhere", (folder_ / "bin").string()}, cached ? folder_ / "cache" : fs::path());
  }
  std::unique_ptr<Session> load(const graph::ModelFile& model, size_t which = 0) const {
    return runtimes()[which]->load(model, {});
  }
  graph::ModelFile model_of(graph::Graph graph) {
    std::string outputs;
    for (const graph::EdgeId id : graph.outputs) {
      const graph::Edge& edge = graph.edge(id);
      outputs += edge.name + " ";
      for (size_t i = 1; i < edge.shape.size(); ++i) outputs += (i > 1 ? "x" : "") + std::to_string(edge.shape[i]);
      outputs += "\n";
    }
    outputs.pop_back();
    put("outputs", outputs);
    graph::ModelFile model{"m.onnx", graph::write_onnx(graph), "", std::move(graph)};
    model.sha256 = sha256_hex(model.bytes);
    return model;
  }
  graph::ModelFile classifier() {
    return model_of(models::build("yolov5n-cls", {.classes = {"a", "b", "c", "d"}, .imgsz = 32}));
  }
  /// Command lines so far, without help.
  std::vector<std::string> commands() const {
    std::vector<std::string> lines;
    for (const std::string& line : split_text(read_file(folder_ / "bin/log"), '\n')) {
      if (!line.empty() && line != "--help") lines.push_back(line);
    }
    return lines;
  }
  int64_t builds() const {
    return std::ranges::count_if(commands(), [](const std::string& line) { return line.starts_with("--onnx="); });
  }
  int64_t files_in_cache() const {
    return std::distance(fs::directory_iterator(folder_ / "cache/tensorrt"), fs::directory_iterator());
  }

  fs::path folder_;
};

/// Image i holds the value i everywhere.
Tensor images_of(int64_t count, int64_t side) {
  Tensor images(DType::f32, {count, 3, side, side});
  const auto values = images.mutable_values<float>();
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<float>(static_cast<int64_t>(i) / (3 * side * side));
  return images;
}

TEST_P(TensorRtTest, IsFoundAndTellsItsVersion) {
  const auto found = runtimes();
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0]->name(), "tensorrt");
  EXPECT_EQ(found[1]->name(), "tensorrt-fp16");
  for (const auto& runtime : found) {
    EXPECT_TRUE(runtime->availability().available) << runtime->availability().reason;
    EXPECT_EQ(runtime->availability().version, GetParam());
  }
  EXPECT_EQ(found[0]->float_bits(), 32);
  EXPECT_EQ(found[1]->float_bits(), 16);
}

TEST_P(TensorRtTest, OutputsAreThoseOfEachImage) {
  const graph::ModelFile model = classifier();
  const auto session = load(model);
  EXPECT_EQ(session->input_dtype(), DType::f32);
  EXPECT_TRUE(session->times_itself());
  for (const int64_t count : {1, 5, 3, 1}) {
    const std::vector<Tensor> outputs = session->run(images_of(count, 32));
    ASSERT_EQ(outputs.size(), 1u);
    ASSERT_EQ(outputs[0].shape(), (Shape{count, 4}));
    for (int64_t i = 0; i < count; ++i) {
      for (int64_t j = 0; j < 4; ++j) {
        EXPECT_FLOAT_EQ(outputs[0].values<float>()[static_cast<size_t>(4 * i + j)], static_cast<float>(i + j));
      }
    }
  }
  EXPECT_EQ(builds(), 2) << "of batch 1 and of batch 5, which serves 3 too";
}

TEST_P(TensorRtTest, EnginesAreBuiltOnce) {
  const graph::ModelFile model = classifier();
  load(model)->run(images_of(1, 32));
  EXPECT_EQ(builds(), 1);
  const auto again = load(model);
  EXPECT_EQ(builds(), 1);
  EXPECT_NE(again->notes().at(1).find("from the cache"), std::string::npos);
  load(model, 1);
  EXPECT_EQ(builds(), 2) << "another precision is another engine";
  const bool is_half = commands().back().find("--fp16") != std::string::npos;
  EXPECT_TRUE(is_half) << commands().back();
  graph::ModelFile other = model;
  other.sha256 = sha256_hex("another");
  load(other);
  EXPECT_EQ(builds(), 3);
  use_version(std::string(GetParam()) == "8.2.1" ? "8.6.2" : "8.2.1");
  load(model);
  EXPECT_EQ(builds(), 4) << "another TensorRT";
  EXPECT_EQ(files_in_cache(), 5) << "four engines, and the folder of the session that lives";
}

TEST_P(TensorRtTest, WithoutACacheNothingStays) {
  const graph::ModelFile model = classifier();
  const auto count = [] {
    return std::ranges::count_if(fs::directory_iterator(fs::temp_directory_path()), [](const auto& entry) {
      return entry.path().filename().string().starts_with("quench-tensorrt-") &&
             !entry.path().filename().string().starts_with("quench-tensorrt-test");
    });
  };
  const auto before = count();
  {
    const auto session = runtimes(false)[0]->load(model, {});
    session->run(images_of(1, 32));
    EXPECT_EQ(count(), before + 1);
  }
  EXPECT_EQ(count(), before);
  EXPECT_FALSE(fs::exists(folder_ / "cache"));
}

TEST_P(TensorRtTest, LatenciesAreItsOwn) {
  const graph::ModelFile model = classifier();
  SessionOptions options;
  options.layer_times = true;
  const auto session = runtimes()[0]->load(model, options);
  std::vector<std::string> order;
  MeasureOptions measuring;
  measuring.min_samples = 101;
  measuring.min_seconds = 0.2;
  measuring.max_warm_up_seconds = 0.5;
  measuring.before_samples = [&] { order.push_back("before"); };
  measuring.after_samples = [&] { order.push_back("after"); };
  const Measurement measured = measure(*session, images_of(1, 32), measuring, CancelToken());
  EXPECT_EQ(measured.latency.samples, 101);
  EXPECT_EQ(measured.latency.min_ns, 4'500'000);
  EXPECT_EQ(measured.latency.p50_ns, 4'550'000);
  EXPECT_EQ(measured.latency.max_ns, 4'600'000);
  EXPECT_NEAR(measured.seconds, 0.5046, 1e-3);  // 100 steps of 5 ms and the last run
  EXPECT_EQ(measured.warm_up_runs, std::string(GetParam()) == "8.2.1" ? 3 : 0);
  EXPECT_EQ(order, (std::vector<std::string>{"before", "after"}));
  const std::string line = commands().back();
  for (const char* flag : {"--iterations=101", "--duration=1", "--warmUp=500", "--exposeDMA", "--separateProfileRun"}) {
    EXPECT_NE(line.find(flag), std::string::npos) << line;
  }
  ASSERT_EQ(session->layer_times().size(), 2u);
  EXPECT_EQ(session->layer_times()[1].time_ns, 3'900'000);
  EXPECT_EQ(error_of([&] { measure(*session, images_of(2, 32), measuring, CancelToken()); }).first, ErrorKind::data);
  const Tensor image = images_of(1, 32);
  EXPECT_EQ(error_of([&] {
              measure_interleaved({session.get(), session.get()}, {image, image}, measuring, CancelToken());
            }).first,
            ErrorKind::internal);
}

TEST_P(TensorRtTest, DetectorsGiveAllTheirOutputs) {
  const graph::ModelFile model = model_of(models::build("yolov5n", {.classes = {}, .imgsz = 64}));
  const auto session = load(model);
  const std::vector<Tensor> outputs = session->run(images_of(2, 64));
  ASSERT_EQ(outputs.size(), 3u);
  for (size_t k = 0; k < 3; ++k) {
    Shape shape = model.graph.edge(model.graph.outputs[k]).shape;
    shape[0] = 2;
    ASSERT_EQ(outputs[k].shape(), shape);
    const auto values = outputs[k].values<float>();
    EXPECT_EQ(values[0], 0.0f);
    EXPECT_EQ(values[values.size() / 2], 1.0f);
  }
}

TEST_P(TensorRtTest, AnEngineThatNoLongerLoadsIsBuiltAnew) {
  const graph::ModelFile model = classifier();
  load(model);
  for (const fs::directory_entry& entry : fs::directory_iterator(folder_ / "cache/tensorrt")) {
    write_file(entry.path(), "of another driver\n");
  }
  EXPECT_EQ(load(model)->run(images_of(1, 32))[0].values<float>()[1], 1.0f);
  EXPECT_EQ(builds(), 2);
  put("fail-load", "Engine deserialization failed");
  const auto [kind, text] = error_of([&] { load(model)->run(images_of(1, 32)); });
  EXPECT_EQ(kind, ErrorKind::backend);
  EXPECT_NE(text.find("Engine deserialization failed"), std::string::npos) << text;
  EXPECT_EQ(builds(), 3) << "once, not for ever";
}

TEST_P(TensorRtTest, FailuresSayWhyAndLeaveNothingHalf) {
  const graph::ModelFile model = classifier();
  put("fail-build",
      "Error Code 9: Internal Error (Networks with QuantizeLayer/DequantizeLayer layers require hardware with Int8 "
      "support.)");
  auto [kind, text] = error_of([&] { load(model); });
  EXPECT_EQ(kind, ErrorKind::unsupported) << text;
  EXPECT_NE(text.find("require hardware with Int8 support"), std::string::npos) << text;
  put("fail-build", "Could not find any implementation for node Conv_0");
  EXPECT_EQ(error_of([&] { load(model); }).first, ErrorKind::backend);
  EXPECT_EQ(files_in_cache(), 0);
  fs::remove(folder_ / "bin/fail-build");
  put("fail-run", "CUDA failure: out of memory");
  std::tie(kind, text) = error_of([&] { load(model)->run(images_of(1, 32)); });
  EXPECT_EQ(kind, ErrorKind::backend);
  EXPECT_NE(text.find("out of memory"), std::string::npos) << text;
}

TEST_P(TensorRtTest, HalfPrecisionMayOverflow) {
  const graph::ModelFile model = classifier();
  put("nan-outputs", "1");
  const std::vector<Tensor> outputs = load(model, 1)->run(images_of(1, 32));
  EXPECT_TRUE(std::isnan(outputs[0].values<float>()[0]));
  EXPECT_EQ(outputs[0].values<float>()[1], -INFINITY);
}

TEST_P(TensorRtTest, ModelsThatItCannotTakeAreRefusedBeforeItIsAsked) {
  graph::Graph graph = models::build("yolov5n-cls", {.classes = {}, .imgsz = 32});
  graph.edges[graph.inputs[0]].quant = graph::QuantParams{DType::u8, 8, {1.0f / 255}, {0}, -1};
  auto [kind, text] = error_of([&] { load(model_of(graph)); });
  EXPECT_EQ(kind, ErrorKind::unsupported);
  EXPECT_NE(text.find("--target tensorrt"), std::string::npos) << text;
  graph.edges[graph.inputs[0]].quant = graph::QuantParams{DType::i8, 8, {1.0f / 127}, {3}, -1};
  EXPECT_EQ(error_of([&] { load(model_of(graph)); }).first, ErrorKind::unsupported);
  graph.edges[graph.inputs[0]].quant = graph::QuantParams{DType::i8, 8, {1.0f / 127}, {0}, -1};
  load(model_of(graph));
  EXPECT_NE(commands().back().find("--int8"), std::string::npos) << commands().back();
  EXPECT_EQ(builds(), 1);
}

INSTANTIATE_TEST_SUITE_P(Versions, TensorRtTest, testing::Values("8.2.1", "8.6.2", "10.3.0"),
                         [](const auto& info) { return "V" + std::to_string(info.index); });

TEST(TensorRt, WithoutTrtexecItSaysWhereItLooked) {
  if (fs::exists("/usr/src/tensorrt/bin/trtexec")) GTEST_SKIP() << "this machine has trtexec";
  const auto found = tensorrt_runtimes({"/nowhere", "", "/tmp"}, "");
  EXPECT_FALSE(found[0]->availability().available);
  EXPECT_EQ(found[0]->availability().reason, "trtexec not found in PATH or /usr/src/tensorrt/bin");
  const graph::ModelFile model;
  EXPECT_EQ(error_of([&] { found[1]->load(model, {}); }).first, ErrorKind::unsupported);
}

TEST(TensorRt, AToolThatDoesNotRunIsNotAvailable) {
  const fs::path folder = fs::temp_directory_path() / fmt::format("quench-tensorrt-broken-{}", ::getpid());
  write_file(folder / "trtexec",
             "#!/bin/sh\necho 'trtexec: error while loading shared libraries: libnvinfer.so.8' >&2\nexit 127\n");
  EXPECT_FALSE(tensorrt_runtimes({folder.string()}, "")[0]->availability().available) << "it may not be run";
  fs::permissions(folder / "trtexec", fs::perms::owner_all);
  const Availability state = tensorrt_runtimes({folder.string()}, "")[0]->availability();
  EXPECT_FALSE(state.available);
  EXPECT_NE(state.reason.find("libnvinfer.so.8"), std::string::npos) << state.reason;
  fs::remove_all(folder);
}

TEST(TensorRt, EnginesAreOfOneDevice) {
  const fs::path root = fs::temp_directory_path() / fmt::format("quench-tensorrt-device-{}", ::getpid());
  EXPECT_EQ(trtexec::device_text(root), "");
  write_file(root / "proc/device-tree/model", "NVIDIA Jetson Nano Developer Kit");
  write_file(root / "proc/driver/nvidia/gpus/0000:01:00.0/information", "Model: NVIDIA H100");
  const std::string text = trtexec::device_text(root);
  EXPECT_NE(text.find("Jetson Nano"), std::string::npos);
  EXPECT_NE(text.find("H100"), std::string::npos);
  fs::remove_all(root);
}

}  // namespace
}  // namespace quench::runtime
