#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "devices/device.h"
#include "devices/work.h"

namespace quench::devices {

/// What an engine of a device can do in a power mode with so many threads.
struct Machine {
  Engine engine = Engine::cpu;
  double clock_ghz = 0;
  double bandwidth_gbs = 0;  ///< of the whole memory, whatever the threads
  Peak peak;                 ///< scaled to mode and threads
  int64_t threads = 0;       ///< of a CPU that are used; 0 on GPUs
};

/// Threads that a CPU runtime uses in a power mode: `threads`, or as many as cores for 0. Throws Error{config} for more
/// than the cores, or a mode that the device does not have.
int64_t used_threads(const Device& device, const std::string& mode, int64_t threads);

/// Throws Error{unsupported} naming device, mode and figure where one is missing, Error{config} as used_threads() does.
Machine machine_of(const Device& device, Engine engine, const std::string& mode, int64_t threads);

/// The same machine as published engines use it: TensorRT computes float32 convolutions in TF32 where a GPU has it,
/// unless it is told not to, which quench does.
Machine as_published(Machine machine);

/// What a runtime computes in where it is asked for a precision: ncnn float32 models in FP16 where a CPU has such
/// arithmetic.
struct Arithmetic {
  Precision stored = Precision::fp32;  ///< of activations and weights in memory
  double peak_gops = 0;
};
/// Throws Error{unsupported} where the machine's peak for it is not known.
Arithmetic arithmetic_of(const Machine& machine, const std::string& runtime, Precision precision);

/// Parts of a latency as a machine without losses would have them, in ns: the product with Factors is the forecast. The
/// first four make the coarse form, which few latencies can tell apart; the others, with memory, the form by layers
/// (devices/form.h).
///
/// - fixed: 10^6 cycles. Launches, synchronisation: what does not depend on the model.
/// - positions: one cycle a position of each convolution's output, whatever its channels: loops, edges, addresses.
/// - compute: over layers, multiply-accumulates / peak. Channels are rounded up to what the engine works in blocks of
///   (CPU: 8 x 8; GPU: 16 input x 64 output channels), for narrow layers leave lanes and tiles empty.
/// - memory: over layers, bytes of inputs, outputs and weights / bandwidth.
/// - macs: multiply-accumulates / peak, nothing rounded up.
/// - pointwise: those of 1 x 1 convolutions and linear layers, positions and output channels in blocks of 8: they use
///   what they read less often than larger kernels do.
/// - heavy: those of layers whose weights take more than 1 MiB and so leave a core's cache.
/// - few: those of layers with so few positions that weights are read for little. CPU: fewer than 64 positions and
///   heavy; GPU: fewer than 128.
/// - strided: those of convolutions larger than 1 x 1 that move by more than one position, output channels in blocks of
///   64.
/// - ramp: 10^6 x (multiply-accumulates / 10^6)^(2/3) / peak, positions in blocks of 64, channels of 32: the larger a
///   multiplication, the better it fills a GPU.
/// - spilled: bytes of the inputs of layers that multiply, where a layer has more than 1 MiB of them, / bandwidth.
/// - outputs: bytes of the outputs of layers that multiply / bandwidth: activations, in passes of their own.
/// - layers, pointwise_layers: 10^3 cycles for each layer that multiplies, and for each that is 1 x 1: launches.
enum TermIndex {
  kFixed,
  kPositions,
  kCompute,
  kMemory,
  kMacs,
  kPointwise,
  kHeavy,
  kFew,
  kStrided,
  kRamp,
  kSpilled,
  kOutputs,
  kLayers,
  kPointwiseLayers,
  kTermCount
};
using Terms = std::array<double, kTermCount>;

/// Their names in files, in order.
inline constexpr std::array<const char*, kTermCount> kTermNames{
    "fixed", "positions", "compute", "memory",  "macs",    "pointwise", "heavy",
    "few",   "strided",   "ramp",    "spilled", "outputs", "layers",    "pointwise_layers"};

/// How many times the ideal an engine takes: fitted, never negative.
using Factors = std::array<double, kTermCount>;

Terms terms_of(const ModelWork& work, const Machine& machine, const std::string& runtime, Precision precision);

/// Sum of factors x terms, in ns.
double latency_of(const Terms& terms, const Factors& factors);

}  // namespace quench::devices
