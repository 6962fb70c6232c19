#include "devices/capability.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace quench::devices {
namespace {

struct RuntimeKind {
  const char* name;
  Engine engine;
  std::vector<Precision> precisions;
};

const std::vector<RuntimeKind>& runtime_kinds() {
  using enum Precision;
  static const std::vector<RuntimeKind> kinds{
      {"native", Engine::cpu, {fp32, int8}},   {"onnxruntime", Engine::cpu, {fp32, int8}},
      {"torch", Engine::cpu, {fp32}},          {"ncnn", Engine::cpu, {fp32, int8}},
      {"tflite", Engine::cpu, {fp32, int8}},   {"onnxruntime-cuda", Engine::gpu, {fp32}},
      {"tensorrt", Engine::gpu, {fp32, int8}}, {"tensorrt-fp16", Engine::gpu, {fp16, int8}}};
  return kinds;
}

const RuntimeKind* find_kind(const std::string& name) {
  const auto found = std::ranges::find(runtime_kinds(), name, &RuntimeKind::name);
  return found == runtime_kinds().end() ? nullptr : &*found;
}

constexpr const char* kReleasedGlibc = "2.28";  // that released libraries of ONNX Runtime and LibTorch are built for

using Reason = std::optional<std::string>;

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
  const RuntimeKind* kind = find_kind(request.runtime);
  if (kind ? kind->engine == request.engine : request.fitted) return std::nullopt;
  return fmt::format("{} on {}: unsupported ({}); use {}", request.runtime, place(device, request.engine),
                     !kind                         ? "no such runtime is known"
                     : kind->engine == Engine::cpu ? "it runs on CPUs"
                                                   : "it runs on GPUs",
                     default_runtime(request.engine, request.precision));
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
  if (request.engine != Engine::gpu) return std::nullopt;
  const std::string& capability = device.gpu->compute_capability;
  if (cuda_has(capability, request.precision)) return std::nullopt;
  const bool int8 = request.precision == Precision::int8;
  const Precision other = int8 ? Precision::fp16 : Precision::int8;
  std::string instead = cuda_has(capability, other) ? title_of(other) : "FP32";
  if (int8) instead += " or structured pruning there, INT8 runs on its CPU";
  return fmt::format("{} on {}: unsupported (compute capability {} has no {}); use {}", title_of(request.precision),
                     place(device, Engine::gpu), capability, int8 ? "INT8" : "fast FP16", instead);
}

/// What the runtime itself computes in.
Reason runtime_precision_rule(const Device& device, const Request& request) {
  const std::vector<Precision> has = precisions_of_runtime(request.runtime);
  if (has.empty() || std::ranges::count(has, request.precision) > 0) return std::nullopt;
  std::string titles;
  for (const Precision precision : has) titles += (titles.empty() ? "" : " and ") + std::string(title_of(precision));
  const std::string other = default_runtime(request.engine, request.precision);
  const bool other_has = std::ranges::count(precisions_of_runtime(other), request.precision) > 0;
  return fmt::format("{} with {} on {}: unsupported (it computes in {}); use {}", title_of(request.precision),
                     request.runtime, place(device, request.engine), titles, other_has ? other : "INT8");
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

std::vector<std::string> known_runtimes() {
  std::vector<std::string> names;
  for (const RuntimeKind& kind : runtime_kinds()) names.push_back(kind.name);
  return names;
}

Engine engine_of_runtime(const std::string& runtime) {
  const RuntimeKind* kind = find_kind(runtime);
  return kind ? kind->engine : Engine::cpu;
}

std::string default_runtime(Engine engine, Precision precision) {
  if (engine == Engine::cpu) return "native";
  return precision == Precision::fp32 ? "tensorrt" : "tensorrt-fp16";
}

std::vector<Precision> precisions_of_runtime(const std::string& runtime) {
  const RuntimeKind* kind = find_kind(runtime);
  return kind ? kind->precisions : std::vector<Precision>();
}

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
  for (const auto rule :
       {engine_rule, runtime_rule, library_rule, gpu_precision_rule, runtime_precision_rule, memory_rule}) {
    if (const Reason reason = rule(device, request)) return {false, *reason};
  }
  return {};
}

}  // namespace quench::devices
