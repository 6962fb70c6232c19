#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "devices/device.h"

namespace quench::devices {

/// What is to be run on a device.
struct Request {
  Engine engine = Engine::cpu;
  std::string runtime;  ///< native, onnxruntime, torch, ncnn, tflite on CPUs; onnxruntime-cuda, tensorrt, tensorrt-fp16
                        ///< on GPUs
  Precision precision = Precision::fp32;
  int64_t memory_bytes = 0;  ///< weights and activations alive at a time; 0: not known
  bool fitted = false;       ///< latencies of the runtime were fitted: a user's own need not be one of those above
};

/// The answer, before time is spent.
struct Verdict {
  bool supported = true;
  std::string reason;  ///< where not: why, and what to do instead
};

/// Rules, by what the device's file says; what it leaves out is taken as no hindrance. Throws nothing.
Verdict capability(const Device& device, const Request& request);

/// Runtimes that the rules know.
std::vector<std::string> known_runtimes();
/// What a runtime computes on: onnxruntime-cuda, tensorrt and tensorrt-fp16 on GPUs, the others on CPUs.
Engine engine_of_runtime(const std::string& runtime);
/// What runs there unless another is named: native on CPUs; on GPUs tensorrt for fp32, else tensorrt-fp16, which keeps
/// what is not quantized in FP16.
std::string default_runtime(Engine engine, Precision precision);
/// What a runtime computes in, in order; empty for an unknown one.
std::vector<Precision> precisions_of_runtime(const std::string& runtime);

/// Whether a GPU of this compute capability ("5.3") has fast arithmetic of a precision, by NVIDIA's tables: FP16
/// at 5.3, 6.0, 6.2 and from 7.0; INT8 (dp4a) at 6.1 and from 7.0, on tensor cores from 7.2.
bool cuda_has(const std::string& compute_capability, Precision precision);

}  // namespace quench::devices
