// Device files: those that come with quench, and bad ones.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "config/yaml.h"
#include "core/error.h"
#include "core/file.h"
#include "devices/catalog.h"
#include "devices/host_device.h"

namespace quench::devices {
namespace {

namespace fs = std::filesystem;

const fs::path kBuiltIn = fs::path(QUENCH_SOURCE_DIR) / "devices";

constexpr const char* kBoard =
    "title: a board\n"
    "cpu: {name: Some CPU, arch: aarch64, cores: 4, clock_mhz: 1000, isa: [asimd], peak: {fp32_gflops: 32}}\n"
    "gpu: {name: Some GPU, compute_capability: \"7.5\", clock_mhz: 500, peak: {fp16_gflops: 1000}}\n"
    "memory: {bytes: 1000000000, bandwidth_gbs: 10}\n"
    "power_modes: [{name: full}, {name: half, power_w: 5, gpu_clock_mhz: 250}]\n"
    "software: {os: Ubuntu 22.04, glibc: \"2.35\"}\n"
    "sources: [a data sheet]\n";

class DeviceFiles : public testing::Test {
 protected:
  void SetUp() override {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = fs::temp_directory_path() / fmt::format("quench-devices-{}-{}", ::getpid(), info->name());
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  void put(const std::string& name, const std::string& content) const { write_file(folder_ / name, content); }

  /// The error of reading the folder has all of `parts`.
  void expect_error(ErrorKind kind, const std::vector<std::string>& parts) const {
    try {
      load_catalog({folder_});
      ADD_FAILURE() << "expected an Error";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), kind) << error.what();
      for (const std::string& part : parts) {
        EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
      }
    }
  }

  fs::path folder_;
};

TEST_F(DeviceFiles, AUsersFileIsADevice) {
  put("my-board.yaml", kBoard);
  put("notes.txt", "no device");
  const Catalog catalog = load_catalog({kBuiltIn, folder_});
  const Device& device = catalog.require("my-board");
  EXPECT_EQ(device.title, "a board");
  EXPECT_EQ(device.cpu.cores, 4);
  EXPECT_TRUE(device.cpu.has("asimd"));
  EXPECT_EQ(device.gpu->compute_capability, "7.5");
  EXPECT_EQ(device.gpu->peak.fp16_gflops, 1000.0);
  EXPECT_FALSE(device.gpu->peak.int8_gops.has_value());
  EXPECT_EQ(device.mode("half").gpu_clock_mhz, 250.0);
  EXPECT_EQ(device.mode("").name, "full");
  EXPECT_EQ(catalog.by_anchor("my-board"), &device);
  EXPECT_GE(catalog.devices.size(), 8u);
  EXPECT_THROW(catalog.require("my-bord"), Error);
  EXPECT_THROW(device.mode("quarter"), Error);
}

TEST_F(DeviceFiles, WrittenOutTheyReadBackTheSame) {
  for (const Device& device : load_catalog({kBuiltIn}).devices) {
    const Json json = to_json(device);
    EXPECT_EQ(to_json(device_from(json, device.name, "json")), json) << device.name;
  }
}

TEST_F(DeviceFiles, ADeviceThatCanBeReachedHasAnAddress) {
  put("board.yaml", std::string(kBoard) + "address: ssh://pi@board:2222\n");
  const Catalog catalog = load_catalog({folder_});
  const Device& device = catalog.require("board");
  EXPECT_EQ(device.address, "ssh://pi@board:2222");
  EXPECT_EQ(device_from(to_json(device), "board", "json").address, device.address);
  put("board.yaml", std::string(kBoard) + "address: board\n");
  expect_error(ErrorKind::config, {"board.yaml", "address", "ssh://", "'board'"});
}

TEST_F(DeviceFiles, BadFilesAreNamedWithTheirFault) {
  const auto replaced = [](const std::string& from, const std::string& to) {
    std::string text = kBoard;
    text.replace(text.find(from), from.size(), to);
    return text;
  };
  const struct {
    std::string content;
    std::vector<std::string> parts;
  } cases[] = {
      {replaced("title", "titel"), {"bad.yaml", "unknown key 'titel'", "did you mean 'title'"}},
      {replaced("title: a board\n", ""), {"bad.yaml", "expected the key 'title'"}},
      {replaced("cores: 4", "cores: four"), {"bad.yaml.cpu", "an integer", "cores", "four"}},
      {replaced("cores: 4", "cores: 0"), {"bad.yaml.cpu", "'cores' at least 1", "got 0"}},
      {replaced("power_w: 5", "cpu_cores: 0"), {"bad.yaml.power_modes", "'cpu_cores' at least 1"}},
      {replaced("cores: 4", "cors: 4"), {"bad.yaml.cpu", "cors", "did you mean 'cores'"}},
      {replaced("arch: aarch64", "arch: mips"), {"bad.yaml.cpu", "arch", "mips"}},
      {replaced("fp16_gflops: 1000", "fp8_gflops: 1"), {"bad.yaml.gpu.peak", "fp8_gflops"}},
      {replaced("fp16_gflops: 1000", "fp16_gflops: -1"), {"bad.yaml.gpu.peak", "fp16_gflops"}},
      {replaced("\"7.5\"", "7.5"), {"bad.yaml.gpu", "compute_capability", "a text"}},
      {replaced("\"7.5\"", "turing"), {"bad.yaml.gpu.compute_capability", "a version", "turing"}},
      {replaced("\"2.35\"", "new"), {"bad.yaml.software.glibc", "a version"}},
      {replaced("bytes: 1000000000", "bytes: much"), {"bad.yaml.memory", "bytes", "an integer"}},
      {replaced("name: half", "name: full"), {"bad.yaml.power_modes", "'full' twice"}},
      {replaced("name: half, ", ""), {"bad.yaml.power_modes", "expected the key 'name'"}},
      {replaced("[{name: full}, {", "{half: {") + "", {"bad.yaml"}},
      {replaced("memory: {", "memory: [") + "", {"bad.yaml"}},
      {replaced("[a data sheet]", "a data sheet"), {"bad.yaml", "a list of texts", "sources"}},
      {replaced("{name: Some CPU,", "7 #"), {"bad.yaml", "cpu", "a map"}},
      {"- a\n- list\n", {"bad.yaml", "expected a map"}},
      {"", {"bad.yaml", "expected a map"}},
      {"title: [unclosed\n", {"bad.yaml", "YAML"}},
  };
  for (const auto& [content, parts] : cases) {
    SCOPED_TRACE(content);
    put("bad.yaml", content);
    expect_error(ErrorKind::config, parts);
  }
}

TEST_F(DeviceFiles, NamesAreUnique) {
  put("a/board.yaml", kBoard);
  put("b/board.yaml", kBoard);
  EXPECT_EQ(load_catalog({folder_ / "a"}).devices.size(), 1u);
  try {
    load_catalog({folder_ / "a", folder_ / "b"});
    ADD_FAILURE() << "expected an Error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::config);
    const std::string message = error.what();
    EXPECT_NE(message.find("a/board.yaml"), std::string::npos) << message;
    EXPECT_NE(message.find("b/board.yaml"), std::string::npos) << message;
  }
  put("c/one.yaml", std::string(kBoard) + "anchors: [X]\n");
  put("c/two.yaml", std::string(kBoard) + "anchors: [X]\n");
  EXPECT_THROW(load_catalog({folder_ / "c"}), Error);
  put("d/Upper Case.yaml", kBoard);
  EXPECT_THROW(load_catalog({folder_ / "d"}), Error);
  put("e/host.yaml", kBoard);
  EXPECT_THROW(load_catalog({folder_ / "e"}), Error);
}

TEST_F(DeviceFiles, AMissingFolderIsToldFromAnEmptyOne) {
  EXPECT_TRUE(load_catalog({folder_}).devices.empty());
  fs::remove_all(folder_);
  expect_error(ErrorKind::io, {folder_.string()});
}

TEST_F(DeviceFiles, LatencyParametersAreChecked) {
  const std::string good =
      "command: c\nanchors: [f]\nfits:\n  - {engine: gpu, runtime: tensorrt, error: 0.1, compute: 2}\n";
  put(kFitFile, good);
  const LatencyFit fit = load_catalog({folder_}).fit;
  ASSERT_EQ(fit.fits.size(), 1u);
  EXPECT_EQ(fit.fits[0].factors[kCompute], 2);
  EXPECT_EQ(to_yaml(fit_from(config::parse_yaml(to_yaml(fit), "again"), "again")), to_yaml(fit));
  put(kFitFile, good + "  - {engine: npu, runtime: x, error: 0.1}\n");
  expect_error(ErrorKind::config, {kFitFile, "engine", "npu"});
  put(kFitFile, good + "  - {engine: cpu, runtime: x, error: 0.1, compute: -1}\n");
  expect_error(ErrorKind::config, {kFitFile, "compute", "at least 0"});
  put(kFitFile, good + "  - {engine: cpu, runtime: x}\n");
  expect_error(ErrorKind::config, {kFitFile, "expected the key 'error'"});
  put(kFitFile, "fits: 3\n");
  expect_error(ErrorKind::config, {kFitFile, "a list of maps"});
}

TEST_F(DeviceFiles, AUsersFitGoesBeforeTheBuiltInAndKeepsTheRest) {
  put(kFitFile,
      "command: c\nanchors: [f]\nfits:\n"
      "  - {device: raspberry-pi-5, engine: cpu, runtime: ncnn, error: 0.1, compute: 7}\n"
      "  - {device: raspberry-pi-5, engine: cpu, runtime: native, error: 0.1, compute: 2}\n");
  const LatencyFit built_in = load_catalog({kBuiltIn}).fit, both = load_catalog({kBuiltIn, folder_}).fit;
  EXPECT_EQ(both.fits.size(), built_in.fits.size() + 1);  // native is new
  const auto compute = [&](const char* runtime) {
    for (const RuntimeFit& fit : both.fits) {
      if (fit.device == "raspberry-pi-5" && fit.runtime == runtime) return fit.factors[kCompute];
    }
    return 0.0;
  };
  EXPECT_EQ(compute("ncnn"), 7);
  EXPECT_EQ(compute("native"), 2);
  EXPECT_EQ(compute("onnxruntime"), 0);  // built in, by layers
  EXPECT_TRUE(has_runtime(both, Engine::gpu, "tensorrt"));
}

// The figures of the files that come with quench, against what follows from cores and clocks.
TEST(BuiltInDevices, PeaksFollowFromCoresAndClocks) {
  const auto near = [](const std::optional<double>& peak, double expected, const std::string& what) {
    ASSERT_TRUE(peak.has_value()) << what;
    EXPECT_NEAR(*peak, expected, 2e-3 * expected) << what;
  };
  int gpus = 0;
  for (const Device& device : load_catalog({kBuiltIn}).devices) {
    EXPECT_FALSE(device.sources.empty()) << device.name;
    if (device.cpu.peak.fp32_gflops) {  // multiply-accumulates a cycle: 4, or 8 where there are two pipes
      const double lanes = device.cpu.has("asimddp") ? 8 : 4;
      const double cycles = static_cast<double>(device.cpu.cores) * *device.cpu.clock_mhz / 1e3;
      near(device.cpu.peak.fp32_gflops, 2 * lanes * cycles, device.name + " CPU FP32");
      near(device.cpu.peak.int8_gops, 2 * (lanes == 8 ? 32 : 8) * cycles, device.name + " CPU INT8");
      EXPECT_EQ(device.cpu.peak.fp16_gflops.has_value(), device.cpu.has("asimdhp")) << device.name;
    }
    if (!device.gpu || device.gpu->compute_capability.empty()) continue;
    ++gpus;
    const Gpu& gpu = *device.gpu;
    const double ghz = *gpu.clock_mhz / 1e3;
    near(gpu.peak.fp32_gflops, 2 * static_cast<double>(gpu.cuda_cores) * ghz, device.name + " GPU FP32");
    const bool ampere = gpu.arch == "Ampere";
    const double tensor = static_cast<double>(gpu.tensor_cores) * (ampere ? 256 : 64);
    near(gpu.peak.fp16_gflops, 2 * ghz * (gpu.tensor_cores ? tensor : 2 * static_cast<double>(gpu.cuda_cores)),
         device.name + " GPU FP16");
    EXPECT_EQ(gpu.peak.int8_gops.has_value(), gpu.tensor_cores > 0) << device.name;
    if (gpu.tensor_cores) near(gpu.peak.int8_gops, 4 * ghz * tensor, device.name + " GPU INT8");
    EXPECT_EQ(gpu.peak.tf32_gflops.has_value(), ampere) << device.name;
  }
  EXPECT_EQ(gpus, 5);
}

TEST(BuiltInDevices, TheNanoHas4GigabytesAndTwoPowerModes) {
  const Catalog catalog = load_catalog({kBuiltIn});
  const Device& nano = catalog.require("jetson-nano");
  EXPECT_EQ(nano.memory_bytes, int64_t{4} << 30);
  EXPECT_EQ(nano.mode("5W").cpu_cores, 2);
  EXPECT_EQ(nano.mode("10W").power_w, 10.0);
  EXPECT_EQ(catalog.by_anchor("JetsonNano"), &nano);
  EXPECT_EQ(catalog.by_anchor("nothing"), nullptr);
}

TEST(BuiltInDevices, LatencyParametersNameDevicesThatAreThere) {
  const Catalog catalog = load_catalog({kBuiltIn});
  EXPECT_GE(catalog.fit.fits.size(), 5u);
  EXPECT_FALSE(catalog.fit.command.empty());
  for (const RuntimeFit& fit : catalog.fit.fits) {
    if (!fit.device.empty()) {
      EXPECT_NO_THROW(catalog.require(fit.device));
    }
    EXPECT_GT(fit.error, 0) << fit.device << " " << fit.runtime;
  }
}

TEST(HostDevice, IsWhatTheSystemTells) {
  platform::Host host;
  host.cpu = "AMD EPYC";
  host.logical_cores = 2;
  host.isa = {"avx2", "avx512_vnni"};
  host.memory_bytes = 1000;
  const Device device = host_device(host);
  EXPECT_EQ(device.name, "host");
  EXPECT_TRUE(device.cpu.has("avx512_vnni"));
  EXPECT_EQ(device.memory_bytes, 1000);
  EXPECT_FALSE(device.cpu.peak.fp32_gflops.has_value());
  EXPECT_FALSE(host_device(platform::Host{}).memory_bytes.has_value());
}

TEST(Versions, AreComparedByNumbers) {
  EXPECT_TRUE(version_less("2.27", "2.28"));
  EXPECT_TRUE(version_less("2.9", "2.28"));
  EXPECT_FALSE(version_less("2.28", "2.28"));
  EXPECT_TRUE(version_less("8.7", "10.0"));
  for (const char* bad : {"x", "2.x", "2..7", "-1", "99999999999999999999"})
    EXPECT_THROW(version_less(bad, "1"), Error);
}

}  // namespace
}  // namespace quench::devices
