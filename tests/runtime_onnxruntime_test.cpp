#include <gtest/gtest.h>

#include <filesystem>

#include "core/error.h"
#include "core/file.h"
#include "core/hash.h"
#include "core/json.h"
#include "graph/onnx_write.h"
#include "graph_samples.h"
#include "runtime/onnxruntime.h"

namespace quench::runtime {
namespace {

using graph::samples::Builder;

graph::ModelFile file_of(const graph::Graph& graph) {
  graph::ModelFile file{"model.onnx", write_onnx(graph), "", graph};
  file.sha256 = sha256_hex(file.bytes);
  return file;
}

/// conv -> relu -> conv, [1,3,16,16].
graph::Graph two_convolutions() {
  Builder b(3);
  b.graph.metadata = {{"task", "classify"}, {"model", "two"}};
  const graph::ConvAttributes three{.kernel = {3, 3}, .padding = {1, 1}};
  const auto x = b.conv("a", b.input("images", {1, 3, 16, 16}), 8, three, true);
  b.output(b.conv("b", b.node("act", graph::Op::relu, {x}), 4, three, true));
  return b.graph;
}

template <typename Function>
std::pair<ErrorKind, std::string> error_of(Function function) {
  try {
    function();
  } catch (const Error& error) {
    return {error.kind(), error.what()};
  }
  return {ErrorKind::internal, "nothing was thrown"};
}

class OnnxRuntimeTest : public testing::Test {
 protected:
  void SetUp() override {
    const Availability availability = runtime_->availability();
    if (!availability.available) GTEST_SKIP() << availability.reason;
  }
  std::unique_ptr<Runtime> runtime_ = onnxruntime_runtime();
};

TEST_F(OnnxRuntimeTest, CountsWhatTheOptimizedGraphRuns) {
  const Int8Count in_float = count_int8(optimized_operators(file_of(two_convolutions())));
  EXPECT_EQ(in_float.convs, 2);
  EXPECT_EQ(in_float.convs_int8, 0);

  const auto quantized = graph::samples::quantized(two_convolutions(), {.pixels = true, .outputs = true});
  const Int8Count in_int8 = count_int8(optimized_operators(file_of(quantized)));
  EXPECT_EQ(in_int8.convs, 2);
  EXPECT_EQ(in_int8.convs_int8, 2);
}

TEST_F(OnnxRuntimeTest, NotesTellHalfQuantizedFromWhollyQuantized) {
  auto graph = graph::samples::quantized(two_convolutions(), {.pixels = true, .outputs = true});
  EXPECT_EQ(runtime_->load(file_of(graph), {})->notes(), (std::vector<std::string>{"int8 convolutions: 2 of 2"}));
  graph.edge(graph.outputs[0]).quant.reset();  // the last convolution has a float output now
  EXPECT_EQ(runtime_->load(file_of(graph), {})->notes(), (std::vector<std::string>{"int8 convolutions: 1 of 2"}));
  EXPECT_TRUE(runtime_->load(file_of(two_convolutions()), {})->notes().empty());
}

TEST_F(OnnxRuntimeTest, WritesItsProfileWhereAsked) {
  const std::filesystem::path folder = std::filesystem::path(testing::TempDir()) / "quench-profile";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  const auto path = folder / "profile.json";
  {
    const auto session = runtime_->load(file_of(two_convolutions()), {.threads = 1, .profile_path = path.string()});
    session->run(Tensor(DType::f32, {1, 3, 16, 16}));
  }
  const Json profile = read_json(path);
  int64_t kernels = 0;
  for (const Json& event : profile) kernels += event.value("cat", "") == "Node";
  EXPECT_GT(kernels, 0);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), {}), 1);
}

TEST_F(OnnxRuntimeTest, BrokenModelIsABackendErrorWithTheLibrarysMessage) {
  graph::ModelFile file = file_of(two_convolutions());
  file.bytes.resize(file.bytes.size() / 2);
  const auto [kind, message] = error_of([&] { runtime_->load(file, {}); });
  EXPECT_EQ(kind, ErrorKind::backend);
  EXPECT_TRUE(message.starts_with("[runtime.onnxruntime] load: ")) << message;
  EXPECT_EQ(error_of([&] { optimized_operators(file); }).first, ErrorKind::backend);
}

TEST_F(OnnxRuntimeTest, InputIsReadInPlaceAndNotWritten) {
  const auto session = runtime_->load(file_of(two_convolutions()), {});
  Tensor input(DType::f32, {2, 3, 16, 16});
  for (float& value : input.mutable_values<float>()) value = 0.25f;
  const Tensor before = input;
  const auto outputs = session->run(input);
  EXPECT_EQ(input, before);
  EXPECT_EQ(outputs[0].shape(), (Shape{2, 4, 16, 16}));
}

TEST_F(OnnxRuntimeTest, SessionsLiveSideBySide) {
  const auto a = runtime_->load(file_of(two_convolutions()), {.threads = 2, .profile_path = ""});
  auto b = runtime_->load(file_of(two_convolutions()), {.threads = 1, .profile_path = ""});
  const Tensor input(DType::f32, {1, 3, 16, 16});
  const auto first = a->run(input);
  EXPECT_EQ(b->run(input)[0].shape(), first[0].shape());
  b.reset();
  EXPECT_EQ(a->run(input), first);
}

}  // namespace
}  // namespace quench::runtime
