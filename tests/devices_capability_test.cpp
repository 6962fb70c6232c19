#include <gtest/gtest.h>

#include <algorithm>

#include "core/error.h"
#include "devices/capability.h"
#include "devices/catalog.h"

namespace quench::devices {
namespace {

const Catalog& catalog() {
  static const Catalog loaded = load_catalog({std::filesystem::path(QUENCH_SOURCE_DIR) / "devices"});
  return loaded;
}

std::string reason(const std::string& device, const Request& request) {
  const Verdict verdict = capability(catalog().require(device), request);
  EXPECT_EQ(verdict.supported, verdict.reason.empty());
  return verdict.reason;
}

void expect_has(const std::string& text, const std::vector<std::string>& parts) {
  for (const std::string& part : parts) EXPECT_NE(text.find(part), std::string::npos) << "'" << text << "' " << part;
}

TEST(Capability, TheNanosGpuHasNoInt8) {
  EXPECT_EQ(
      reason("jetson-nano", {Engine::gpu, "tensorrt", Precision::int8}),
      "INT8 on jetson-nano's GPU: unsupported (compute capability 5.3 has no INT8); use FP16 or structured pruning "
      "there, INT8 runs on its CPU");
  EXPECT_EQ(reason("jetson-nano", {Engine::gpu, "tensorrt-fp16", Precision::fp16}), "");
  EXPECT_EQ(reason("jetson-nano", {Engine::gpu, "tensorrt", Precision::fp32}), "");
  EXPECT_EQ(reason("jetson-nano", {Engine::cpu, "native", Precision::int8}), "");
  for (const char* device : {"jetson-xavier-nx", "jetson-orin-nano", "jetson-orin-nx", "jetson-agx-orin"}) {
    EXPECT_EQ(reason(device, {Engine::gpu, "tensorrt", Precision::int8}), "");
  }
}

// NVIDIA TensorRT 8.6 support matrix, "Hardware and Precision"; 7.0 and later have all three.
TEST(Capability, PrecisionsByComputeCapability) {
  const struct {
    const char* capability;
    bool fp16, int8;
  } matrix[] = {{"5.0", false, false}, {"5.2", false, false}, {"5.3", true, false}, {"6.0", true, false},
                {"6.1", false, true},  {"6.2", true, false},  {"7.0", true, true},  {"7.2", true, true},
                {"7.5", true, true},   {"8.0", true, true},   {"8.7", true, true},  {"10.0", true, true}};
  for (const auto& [version, fp16, int8] : matrix) {
    EXPECT_TRUE(cuda_has(version, Precision::fp32)) << version;
    EXPECT_EQ(cuda_has(version, Precision::fp16), fp16) << version;
    EXPECT_EQ(cuda_has(version, Precision::int8), int8) << version;
  }
}

TEST(Capability, ReleasedLibrariesNeedANewerCLibraryThanTheNanos) {
  expect_has(reason("jetson-nano", {Engine::cpu, "onnxruntime", Precision::fp32}),
             {"2.28", "2.27", "Ubuntu 18.04", "native"});
  expect_has(reason("jetson-nano", {Engine::cpu, "torch", Precision::fp32}), {"2.28"});
  EXPECT_EQ(reason("jetson-nano", {Engine::cpu, "native", Precision::fp32}), "");
  EXPECT_EQ(reason("raspberry-pi-4", {Engine::cpu, "onnxruntime", Precision::int8}), "");
  Device unknown = catalog().require("jetson-nano");
  unknown.software.glibc.clear();  // what a file leaves out is no hindrance
  EXPECT_TRUE(capability(unknown, {Engine::cpu, "onnxruntime", Precision::fp32}).supported);
}

TEST(Capability, EnginesAndRuntimesBelongTogether) {
  expect_has(reason("raspberry-pi-5", {Engine::gpu, "tensorrt", Precision::fp16}), {"no CUDA", "use its CPU"});
  Device bare = catalog().require("raspberry-pi-5");
  bare.gpu.reset();
  EXPECT_FALSE(capability(bare, {Engine::gpu, "tensorrt", Precision::fp16}).supported);
  expect_has(reason("jetson-nano", {Engine::gpu, "native", Precision::fp32}), {"native", "runs on CPUs", "tensorrt"});
  expect_has(reason("jetson-nano", {Engine::cpu, "tensorrt", Precision::fp32}), {"runs on GPUs", "native"});
  expect_has(reason("jetson-nano", {Engine::cpu, "caffe", Precision::fp32}), {"caffe", "no such runtime"});
  expect_has(reason("jetson-xavier-nx", {Engine::dla, "tensorrt", Precision::int8}), {"DLA", "out of scope"});
}

TEST(Capability, RuntimesComputeInWhatTheyHave) {
  expect_has(reason("jetson-nano", {Engine::cpu, "native", Precision::fp16}), {"FP16", "FP32 and INT8", "use INT8"});
  expect_has(reason("raspberry-pi-5", {Engine::cpu, "torch", Precision::int8}), {"computes in FP32", "use native"});
  expect_has(reason("jetson-nano", {Engine::gpu, "tensorrt", Precision::fp16}), {"FP32 and INT8", "use tensorrt-fp16"});
  expect_has(reason("jetson-nano", {Engine::gpu, "tensorrt-fp16", Precision::fp32}), {"FP16 and INT8", "use tensorrt"});
}

TEST(Capability, ModelsMustFitIntoMemory) {
  const int64_t memory = int64_t{4} << 30;
  EXPECT_EQ(reason("jetson-nano", {Engine::cpu, "native", Precision::fp32, memory}), "");
  expect_has(reason("jetson-nano", {Engine::cpu, "native", Precision::fp32, memory + 1}), {"4.29 GB", "smaller"});
  expect_has(reason("jetson-nano", {Engine::gpu, "tensorrt-fp16", Precision::fp16, memory + 1}), {"4.29 GB"});
  EXPECT_EQ(reason("raspberry-pi-4", {Engine::cpu, "native", Precision::fp32, memory + 1}), "");  // not known
}

// NVIDIA's own build of ONNX Runtime for JetPack runs there, the released libraries for CPUs do not.
TEST(Capability, OnnxRuntimeOnAGpuIsARuntimeOfItsOwn) {
  EXPECT_EQ(reason("jetson-nano", {Engine::gpu, "onnxruntime-cuda", Precision::fp32}), "");
  expect_has(reason("jetson-nano", {Engine::gpu, "onnxruntime", Precision::fp32}), {"it runs on CPUs"});
  expect_has(reason("jetson-nano", {Engine::cpu, "onnxruntime-cuda", Precision::fp32}), {"it runs on GPUs"});
  expect_has(reason("jetson-nano", {Engine::gpu, "onnxruntime-cuda", Precision::fp16}), {"computes in FP32"});
  EXPECT_EQ(engine_of_runtime("onnxruntime-cuda"), Engine::gpu);
}

TEST(Capability, NamesAreChecked) {
  EXPECT_EQ(engine_of("gpu"), Engine::gpu);
  EXPECT_EQ(precision_of("int8"), Precision::int8);
  EXPECT_THROW(engine_of("npu"), Error);
  EXPECT_THROW(precision_of("int4"), Error);
  EXPECT_EQ(engine_of_runtime("tensorrt"), Engine::gpu);
  for (const Precision precision : {Precision::fp32, Precision::fp16, Precision::int8}) {
    for (const Engine engine : {Engine::cpu, Engine::gpu}) {
      EXPECT_EQ(engine_of_runtime(default_runtime(engine, precision)), engine);
    }
    const std::vector<Precision> has = precisions_of_runtime(default_runtime(Engine::gpu, precision));
    EXPECT_NE(std::ranges::find(has, precision), has.end()) << to_string(precision);
  }
  EXPECT_TRUE(precisions_of_runtime("caffe").empty());
}

}  // namespace
}  // namespace quench::devices
