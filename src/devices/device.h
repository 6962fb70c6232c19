#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"

namespace quench::devices {

/// What computes on a device.
enum class Engine { cpu, gpu, dla };
const char* to_string(Engine engine);
/// Throws Error{config} naming the nearest.
Engine engine_of(std::string_view name);

enum class Precision { fp32, fp16, int8 };
const char* to_string(Precision precision);
/// As people write it: "FP16".
const char* title_of(Precision precision);
/// Throws Error{config} naming the nearest.
Precision precision_of(std::string_view name);

/// Dense arithmetic of a whole engine at its full clock: 10^9 operations a second, a multiply-accumulate being two.
/// Empty: not there, or not known.
struct Peak {
  std::optional<double> fp32_gflops;
  std::optional<double> tf32_gflops;  ///< what TensorRT computes float32 convolutions in unless told not to
  std::optional<double> fp16_gflops;
  std::optional<double> int8_gops;
};

struct Cpu {
  std::string name;  ///< "ARM Cortex-A57"
  std::string arch;  ///< aarch64 | x86_64
  int64_t cores = 0;
  std::optional<double> clock_mhz;
  std::vector<std::string> isa;  ///< extensions as Linux spells them ("asimddp")
  Peak peak;

  bool has(std::string_view extension) const;
};

struct Gpu {
  std::string name;
  std::string arch;                ///< "Maxwell"
  std::string compute_capability;  ///< of CUDA: "5.3"; empty: no CUDA
  int64_t cuda_cores = 0;
  int64_t tensor_cores = 0;
  std::optional<double> clock_mhz;
  Peak peak;
};

/// A cap on clocks and cores that the system can set (`nvpmodel`). No cores or bandwidth: all of the device's. No
/// clock: the device's own in the first mode of a device, not known in others.
struct PowerMode {
  std::string name;  ///< "5W"
  std::optional<double> power_w;
  std::optional<int64_t> cpu_cores;
  std::optional<double> cpu_clock_mhz;
  std::optional<double> gpu_clock_mhz;
  std::optional<double> bandwidth_gbs;
};

/// Versions, as far as they decide what runs there. Empty: not known.
struct Software {
  std::string os;
  std::string kernel;
  std::string glibc;  ///< "2.27"
  std::string jetpack;
  std::string cuda;
  std::string tensorrt;
};

/// A device that models are deployed to. What is not known is empty, never guessed.
struct Device {
  std::string name;   ///< "jetson-nano": the file's name without .yaml
  std::string title;  ///< for people
  Cpu cpu;
  std::optional<Gpu> gpu;
  std::optional<int64_t> memory_bytes;  ///< shared by CPU and GPU on these boards
  std::optional<double> bandwidth_gbs;  ///< of memory, as data sheets have it: 10^9 bytes a second
  std::vector<PowerMode> power_modes;   ///< the first is the one with the full clocks
  Software software;
  std::vector<std::string> notes;
  std::vector<std::string> anchors;  ///< what published latencies call it
  std::vector<std::string> sources;  ///< of the figures above
  std::string address;               ///< ssh://user@host[:port] where it can be reached; empty: not known
  std::filesystem::path file;        ///< where it was read; empty for the host

  /// The mode of a name; throws Error{config} naming the nearest. "": the first, or one without caps where none is
  /// listed.
  PowerMode mode(const std::string& mode_name) const;
};

/// A device file's content, checked. `where` names the file in errors. Throws Error{config} for unknown keys (with the
/// nearest), wrong types, values out of range, missing keys.
Device device_from(const Json& content, const std::string& name, const std::string& where);

/// In the form of a device file; what is empty is left out.
Json to_json(const Device& device);

/// "2.27" < "2.28": versions by their numbers, from left. Throws Error{config} for what is no version.
bool version_less(const std::string& a, const std::string& b);

}  // namespace quench::devices
