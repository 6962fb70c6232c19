#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace quench::platform {

/// Frequencies of the processor now, by cpufreq.
struct CpuClock {
  std::optional<int64_t> fastest_khz;  ///< of the core that runs fastest: with one busy core, most likely that one
  std::optional<int64_t> limit_khz;    ///< highest that the system allows now; heat and power modes lower it
};
CpuClock read_cpu_clock(const std::filesystem::path& root);

/// Whether a busy core is expected to reach `limit_khz`: the governor follows the load, and the driver has no turbo
/// frequencies, which not all cores reach at once.
bool reaches_limit(const std::filesystem::path& root);

/// Degrees Celsius of the hottest sensor of processor and GPU (thermal zones, else hwmon); without one that names them,
/// of the hottest zone there is. Zones that measure nothing of the kind (PMIC-Die's constant, fan estimates) and values
/// that no chip has are left out.
std::optional<double> read_temperature_c(const std::filesystem::path& root);

/// What a machine tells of being held back: cooling devices that slow a processor down, Raspberry Pi's throttle flags
/// and its undervoltage alarm, Jetson's over-current events, x86's thermal events. Events count from construction on.
class ThrottleSigns {
 public:
  explicit ThrottleSigns(const std::filesystem::path& root);
  /// Whether this machine has any such sign at all.
  bool any() const { return !flags_.empty() || !counters_.empty(); }
  /// Those that show now, for people: "cooling device cpu-throttle-alert is on".
  std::vector<std::string> look() const;

 private:
  struct Flag {
    std::filesystem::path file;
    std::string text;
    int base;
    int64_t mask;  ///< bits that mean it
  };
  struct Counter {
    std::filesystem::path file;
    std::string text;
    int64_t first;
  };
  std::vector<Flag> flags_;
  std::vector<Counter> counters_;
};

}  // namespace quench::platform
