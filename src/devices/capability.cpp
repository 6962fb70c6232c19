#include "devices/capability.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

namespace quench::devices {
namespace {

constexpr std::array kCpuRuntimes{"native", "onnxruntime", "torch", "ncnn", "tflite"};
constexpr std::array kGpuRuntimes{"tensorrt"};
constexpr const char* kReleasedGlibc = "2.28";  // that released libraries of ONNX Runtime and LibTorch are built for

using Reason = std::optional<std::string>;

template <size_t N>
bool one_of(const std::array<const char*, N>& names, const std::string& name) {
  return std::ranges::find(names, name) != names.end();
}

std::string place(const Device& device, Engine engine) {
  return fmt::format("{}'s {}", device.name, engine == Engine::gpu ? "GPU" : engine == Engine::cpu ? "CPU" : "DLA");
}

Reason engine_rule(const Device& device, const Request& request) {
  if (request.engine == Engine::dla) {
    return fmt::format("{}: unsupported (the DLA is out of scope); use its GPU", place(device, request.engine));
  }
  if (request.engine != Engine::gpu) return std::nullopt;
  if (!device.gpu || device.gpu->compute_capability.empty()) {
    return fmt::format("{}: unsupported ({}); use its CPU", place(device, Engine::gpu),
                       device.gpu ? "it has no CUDA" : "there is none that a runtime here could use");
  }
  return std::nullopt;
}

Reason runtime_rule(const Device& device, const Request& request) {
  const bool on_cpu = one_of(kCpuRuntimes, request.runtime), on_gpu = one_of(kGpuRuntimes, request.runtime);
  if (request.engine == Engine::gpu ? on_gpu : on_cpu) return std::nullopt;
  return fmt::format("{} on {}: unsupported ({}); use {}", request.runtime, place(device, request.engine),
                     on_cpu   ? "it runs on CPUs"
                     : on_gpu ? "it runs on GPUs"
                              : "no such runtime is known",
                     default_runtime(request.engine));
}

/// Released binaries of ONNX Runtime and LibTorch need a newer C library than Ubuntu 18.04 has.
Reason library_rule(const Device& device, const Request& request) {
  if (request.runtime != "onnxruntime" && request.runtime != "torch") return std::nullopt;
  const std::string& glibc = device.software.glibc;
  if (glibc.empty() || !version_less(glibc, kReleasedGlibc)) return std::nullopt;
  return fmt::format("{} on {}: unsupported (its released libraries need glibc {}, {} has {}); use native",
                     request.runtime, device.name, kReleasedGlibc,
                     device.software.os.empty() ? "the device" : device.software.os, glibc);
}

Reason gpu_precision_rule(const Device& device, const Request& request) {
  const std::string& capability = device.gpu->compute_capability;
  if (cuda_has(capability, request.precision)) return std::nullopt;
  const bool int8 = request.precision == Precision::int8;
  const Precision other = int8 ? Precision::fp16 : Precision::int8;
  std::string instead = cuda_has(capability, other) ? title_of(other) : "FP32";
  if (int8) instead += " or structured pruning there, INT8 runs on its CPU";
  return fmt::format("{} on {}: unsupported (compute capability {} has no {}); use {}", title_of(request.precision),
                     place(device, Engine::gpu), capability, int8 ? "INT8" : "fast FP16", instead);
}

Reason cpu_precision_rule(const Device& device, const Request& request) {
  if (request.precision == Precision::fp16) {
    return fmt::format("FP16 on {}: unsupported (CPU runtimes compute in FP32 and INT8); use INT8",
                       place(device, Engine::cpu));
  }
  if (request.precision == Precision::int8 && request.runtime == "torch") {
    return fmt::format("INT8 with torch on {}: unsupported (torch simulates it in FP32); use native",
                       place(device, Engine::cpu));
  }
  return std::nullopt;
}

std::string gigabytes(int64_t bytes) { return fmt::format("{:.2f} GB", static_cast<double>(bytes) / 1e9); }

Reason memory_rule(const Device& device, const Request& request) {
  if (!device.memory_bytes || request.memory_bytes <= *device.memory_bytes) return std::nullopt;
  return fmt::format(
      "{} on {}: unsupported (weights and activations take {}, it has {}, which the system shares); use a "
      "smaller image or model",
      title_of(request.precision), device.name, gigabytes(request.memory_bytes), gigabytes(*device.memory_bytes));
}

}  // namespace

Engine engine_of_runtime(const std::string& runtime) {
  return one_of(kGpuRuntimes, runtime) ? Engine::gpu : Engine::cpu;
}

std::string default_runtime(Engine engine) { return engine == Engine::cpu ? "native" : "tensorrt"; }

bool cuda_has(const std::string& compute_capability, Precision precision) {
  const auto at_least = [&](const char* version) { return !version_less(compute_capability, version); };
  const auto is = [&](const char* version) { return compute_capability == version; };
  switch (precision) {
    case Precision::fp32: return true;
    case Precision::fp16: return is("5.3") || is("6.0") || is("6.2") || at_least("7.0");
    case Precision::int8: return is("6.1") || at_least("7.0");
  }
  return false;
}

Verdict capability(const Device& device, const Request& request) {
  for (const auto rule : {engine_rule, runtime_rule, library_rule}) {
    if (const Reason reason = rule(device, request)) return {false, *reason};
  }
  const auto precision_rule = request.engine == Engine::gpu ? gpu_precision_rule : cpu_precision_rule;
  for (const auto rule : {precision_rule, memory_rule}) {
    if (const Reason reason = rule(device, request)) return {false, *reason};
  }
  return {};
}

}  // namespace quench::devices
