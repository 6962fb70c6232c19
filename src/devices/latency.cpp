#include "devices/latency.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace quench::devices {
namespace {

int64_t rounded_up(int64_t value, int64_t multiple) { return (value + multiple - 1) / multiple * multiple; }

/// Multiply-accumulates as the engine's blocks have it.
double padded_macs(const LayerWork& layer, Engine engine) {
  const int64_t in_block = engine == Engine::gpu ? 16 : 8;
  const int64_t out_block = engine == Engine::gpu ? 64 : 8;
  return static_cast<double>(layer.positions * layer.kernel_area * layer.groups) *
         static_cast<double>(rounded_up(layer.in_channels, in_block) * rounded_up(layer.out_channels, out_block));
}

constexpr int64_t kCacheBytes = int64_t{1} << 20;  // what a core keeps at hand

/// Adds the terms of the form by layers of a layer that multiplies.
void add_layer(Terms& terms, const LayerWork& layer, const Machine& machine, const Arithmetic& used) {
  const auto time = [&](double macs) { return 2 * macs / used.peak_gops; };
  const auto macs = static_cast<double>(layer.macs());
  const int64_t bytes = bytes_of(used.stored);
  const bool pointwise = layer.kernel_area == 1, heavy = layer.weight_elements() * bytes > kCacheBytes;
  const auto rounded_macs = [&](int64_t position_block, int64_t channel_block) {
    return static_cast<double>(rounded_up(layer.positions, position_block) * layer.kernel_area * layer.groups *
                               layer.in_channels) *
           static_cast<double>(rounded_up(layer.out_channels, channel_block));
  };
  terms[kMacs] += time(macs);
  if (pointwise) terms[kPointwise] += time(rounded_macs(8, 8));
  if (heavy) terms[kHeavy] += time(macs);
  const bool gpu = machine.engine == Engine::gpu;
  if (gpu ? layer.positions < 128 : heavy && layer.positions < 64) terms[kFew] += time(macs);
  if (layer.strided && !pointwise) terms[kStrided] += time(rounded_macs(1, 64));
  terms[kRamp] += time(1e6 * std::pow(rounded_macs(64, 32) / 1e6, 2.0 / 3));
  terms[kOutputs] += static_cast<double>(layer.output_elements() * bytes) / machine.bandwidth_gbs;
  terms[kLayers] += 1e3 / machine.clock_ghz;
  if (pointwise) terms[kPointwiseLayers] += 1e3 / machine.clock_ghz;
  if (const int64_t read = layer.input_elements * bytes; read > kCacheBytes) {
    terms[kSpilled] += static_cast<double>(read) / machine.bandwidth_gbs;
  }
}

void scale(std::optional<double>& value, double factor) {
  if (value) *value *= factor;
}

Peak scaled(Peak peak, double factor) {
  scale(peak.fp32_gflops, factor);
  scale(peak.tf32_gflops, factor);
  scale(peak.fp16_gflops, factor);
  scale(peak.int8_gops, factor);
  return peak;
}

double known(const std::optional<double>& value, const Device& device, const PowerMode& mode, const char* what) {
  if (value) return *value;
  fail(ErrorKind::unsupported, "{} of {}{} is not known: nothing to forecast from", what, device.name,
       mode.name.empty() ? "" : " in mode " + mode.name);
}

/// Of a mode: its own, or the device's where it is the first (or the only, unnamed) one.
double clock_of(const std::optional<double>& own, const std::optional<double>& full, const Device& device,
                const PowerMode& mode, const char* what) {
  const bool first = device.power_modes.empty() || device.power_modes.front().name == mode.name;
  return known(own || !first ? own : full, device, mode, what);
}

Machine gpu_machine(const Device& device, const PowerMode& mode) {
  if (!device.gpu) fail(ErrorKind::unsupported, "{} has no GPU", device.name);
  const double full = known(device.gpu->clock_mhz, device, mode, "the GPU clock");
  const double clock = clock_of(mode.gpu_clock_mhz, full, device, mode, "the GPU clock");
  return {Engine::gpu, clock / 1e3, 0, scaled(device.gpu->peak, clock / full), 0};
}

Machine cpu_machine(const Device& device, const PowerMode& mode, int64_t threads) {
  const double full = known(device.cpu.clock_mhz, device, mode, "the CPU clock");
  const double clock = clock_of(mode.cpu_clock_mhz, full, device, mode, "the CPU clock");
  const int64_t used = used_threads(device, mode.name, threads);
  const double share = static_cast<double>(used) / static_cast<double>(std::max<int64_t>(device.cpu.cores, 1));
  return {Engine::cpu, clock / 1e3, 0, scaled(device.cpu.peak, share * clock / full), used};
}

bool has_half_arithmetic(const Machine& machine) { return machine.peak.fp16_gflops.has_value(); }

}  // namespace

int64_t used_threads(const Device& device, const std::string& mode_name, int64_t threads) {
  const PowerMode mode = device.mode(mode_name);
  const int64_t cores = std::min(device.cpu.cores, mode.cpu_cores.value_or(device.cpu.cores));
  if (threads > cores) {
    fail(ErrorKind::config, "{} has {} core{}{}, got {} threads", device.name, cores, cores == 1 ? "" : "s",
         cores < device.cpu.cores ? " in mode " + mode.name : "", threads);
  }
  return threads == 0 ? cores : threads;
}

Machine machine_of(const Device& device, Engine engine, const std::string& mode_name, int64_t threads) {
  const PowerMode mode = device.mode(mode_name);
  if (engine == Engine::dla) fail(ErrorKind::unsupported, "the DLA of {} is out of scope", device.name);
  Machine machine = engine == Engine::gpu ? gpu_machine(device, mode) : cpu_machine(device, mode, threads);
  machine.bandwidth_gbs =
      known(mode.bandwidth_gbs ? mode.bandwidth_gbs : device.bandwidth_gbs, device, mode, "the memory bandwidth");
  return machine;
}

Machine as_published(Machine machine) {
  if (machine.peak.tf32_gflops) machine.peak.fp32_gflops = machine.peak.tf32_gflops;
  return machine;
}

Arithmetic arithmetic_of(const Machine& machine, const std::string& runtime, Precision precision) {
  const Peak& peak = machine.peak;
  Precision stored = precision;
  if (runtime == "ncnn" && precision == Precision::fp32 && has_half_arithmetic(machine)) stored = Precision::fp16;
  const std::optional<double> gops = stored == Precision::int8   ? peak.int8_gops
                                     : stored == Precision::fp16 ? peak.fp16_gflops
                                                                 : peak.fp32_gflops;
  if (!gops) {
    fail(ErrorKind::unsupported, "the {} peak of this {} is not known: nothing to forecast from", title_of(stored),
         machine.engine == Engine::gpu ? "GPU" : "CPU");
  }
  return {stored, *gops};
}

Terms terms_of(const ModelWork& work, const Machine& machine, const std::string& runtime, Precision precision) {
  const Arithmetic asked = arithmetic_of(machine, runtime, precision);
  // Layers that a quantized file keeps in float are computed so.
  const bool mixed = precision == Precision::int8 && work.quantized;
  const Precision wide = runtime == "tensorrt-fp16" ? Precision::fp16 : Precision::fp32;
  const Arithmetic in_float = mixed ? arithmetic_of(machine, runtime, wide) : asked;
  Terms terms{};
  terms[kFixed] = 1e6 / machine.clock_ghz;
  for (const LayerWork& layer : work.layers) {
    const bool is_float = mixed && layer.kernel_area > 0 && !layer.quantized;
    const Arithmetic& used = is_float ? in_float : asked;
    if (layer.kernel_area > 0) {
      terms[kPositions] += static_cast<double>(layer.positions) / machine.clock_ghz;
      add_layer(terms, layer, machine, used);
    }
    terms[kCompute] += 2 * padded_macs(layer, machine.engine) / used.peak_gops;
    terms[kMemory] += static_cast<double>(layer.elements_moved * bytes_of(used.stored)) / machine.bandwidth_gbs;
  }
  return terms;
}

double latency_of(const Terms& terms, const Factors& factors) {
  double sum = 0;
  for (size_t i = 0; i < terms.size(); ++i) sum += terms[i] * factors[i];
  return sum;
}

}  // namespace quench::devices
