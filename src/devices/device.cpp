#include "devices/device.h"

#include <algorithm>
#include <charconv>

#include "core/error.h"
#include "core/text.h"

namespace quench::devices {
namespace {

template <typename Value>
void put(Json& out, const char* key, const std::optional<Value>& value) {
  if (value) out[key] = *value;
}
void put(Json& out, const char* key, const std::string& value) {
  if (!value.empty()) out[key] = value;
}
void put(Json& out, const char* key, const std::vector<std::string>& values) {
  if (!values.empty()) out[key] = values;
}
void put(Json& out, const char* key, const Json& map) {
  if (!map.empty()) out[key] = map;
}

Json to_json(const Peak& peak) {
  Json out = Json::object();
  put(out, "fp32_gflops", peak.fp32_gflops);
  put(out, "tf32_gflops", peak.tf32_gflops);
  put(out, "fp16_gflops", peak.fp16_gflops);
  put(out, "int8_gops", peak.int8_gops);
  return out;
}

Json to_json(const Gpu& gpu) {
  Json out{{"name", gpu.name}};
  put(out, "arch", gpu.arch);
  put(out, "compute_capability", gpu.compute_capability);
  if (gpu.cuda_cores) out["cuda_cores"] = gpu.cuda_cores;
  if (gpu.tensor_cores) out["tensor_cores"] = gpu.tensor_cores;
  put(out, "clock_mhz", gpu.clock_mhz);
  put(out, "peak", to_json(gpu.peak));
  return out;
}

Json to_json(const PowerMode& mode) {
  Json out{{"name", mode.name}};
  put(out, "power_w", mode.power_w);
  put(out, "cpu_cores", mode.cpu_cores);
  put(out, "cpu_clock_mhz", mode.cpu_clock_mhz);
  put(out, "gpu_clock_mhz", mode.gpu_clock_mhz);
  put(out, "bandwidth_gbs", mode.bandwidth_gbs);
  return out;
}

Json to_json(const Software& software) {
  Json out = Json::object();
  put(out, "os", software.os);
  put(out, "kernel", software.kernel);
  put(out, "glibc", software.glibc);
  put(out, "jetpack", software.jetpack);
  put(out, "cuda", software.cuda);
  put(out, "tensorrt", software.tensorrt);
  return out;
}

template <typename Value, size_t N>
Value named(std::string_view name, const std::pair<const char*, Value> (&all)[N], const char* what) {
  std::vector<std::string> names;
  for (const auto& [text, value] : all) {
    if (name == text) return value;
    names.push_back(text);
  }
  fail(ErrorKind::config, "unknown {} '{}'{}", what, name, suggestion(name, names));
}

constexpr std::pair<const char*, Engine> kEngines[] = {
    {"cpu", Engine::cpu}, {"gpu", Engine::gpu}, {"dla", Engine::dla}};
constexpr std::pair<const char*, Precision> kPrecisions[] = {
    {"fp32", Precision::fp32}, {"fp16", Precision::fp16}, {"int8", Precision::int8}};

std::vector<int> numbers_of(const std::string& version) {
  std::vector<int> numbers;
  for (const std::string& part : split_text(version, '.')) {
    int value = -1;
    const auto [end, code] = std::from_chars(part.data(), part.data() + part.size(), value);
    if (code != std::errc() || end != part.data() + part.size() || value < 0) {
      fail(ErrorKind::config, "expected a version such as \"2.27\", got '{}'", version);
    }
    numbers.push_back(value);
  }
  return numbers;
}

}  // namespace

const char* to_string(Engine engine) { return kEngines[static_cast<size_t>(engine)].first; }
Engine engine_of(std::string_view name) { return named(name, kEngines, "engine"); }
const char* to_string(Precision precision) { return kPrecisions[static_cast<size_t>(precision)].first; }
Precision precision_of(std::string_view name) { return named(name, kPrecisions, "precision"); }

const char* title_of(Precision precision) {
  constexpr const char* kTitles[] = {"FP32", "FP16", "INT8"};
  return kTitles[static_cast<size_t>(precision)];
}

bool Cpu::has(std::string_view extension) const { return std::ranges::find(isa, extension) != isa.end(); }

PowerMode Device::mode(const std::string& mode_name) const {
  if (mode_name.empty()) return power_modes.empty() ? PowerMode{} : power_modes.front();
  std::vector<std::string> names;
  for (const PowerMode& mode : power_modes) {
    if (mode.name == mode_name) return mode;
    names.push_back(mode.name);
  }
  fail(ErrorKind::config, "{} has no power mode '{}'{}", name, mode_name, suggestion(mode_name, names));
}

Json to_json(const Device& device) {
  Json cpu{{"name", device.cpu.name}, {"arch", device.cpu.arch}, {"cores", device.cpu.cores}};
  put(cpu, "clock_mhz", device.cpu.clock_mhz);
  put(cpu, "isa", device.cpu.isa);
  put(cpu, "peak", to_json(device.cpu.peak));
  Json memory = Json::object();
  put(memory, "bytes", device.memory_bytes);
  put(memory, "bandwidth_gbs", device.bandwidth_gbs);
  Json out{{"title", device.title}};
  if (!device.address.empty()) out["address"] = device.address;
  out["cpu"] = cpu;
  if (device.gpu) out["gpu"] = to_json(*device.gpu);
  put(out, "memory", memory);
  Json modes = Json::array();
  for (const PowerMode& mode : device.power_modes) modes.push_back(to_json(mode));
  put(out, "power_modes", modes);
  put(out, "software", to_json(device.software));
  put(out, "notes", device.notes);
  put(out, "anchors", device.anchors);
  put(out, "sources", device.sources);
  return out;
}

bool version_less(const std::string& a, const std::string& b) { return numbers_of(a) < numbers_of(b); }

}  // namespace quench::devices
