#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "runtime/runtime.h"

namespace quench::runtime {

/// Runtimes `tensorrt` and `tensorrt-fp16`: the GPU of a Jetson (or any NVIDIA GPU) by the device's own `trtexec`,
/// which is started for each engine, each measurement and each batch. Float layers run in FP32 and FP16; where the
/// model holds Q/DQ (quantized with target `tensorrt`) its quantized layers run in INT8 in both.
///
/// trtexec is looked for in `search` and in /usr/src/tensorrt/bin. Engines are kept in `cache_folder`/tensorrt by
/// model, flags, TensorRT's version and device; with an empty folder as long as the session. Latencies are trtexec's
/// own.
std::vector<std::unique_ptr<Runtime>> tensorrt_runtimes(const std::vector<std::string>& search,
                                                        const std::filesystem::path& cache_folder);

}  // namespace quench::runtime
