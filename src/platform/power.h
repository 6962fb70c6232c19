#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

namespace quench::platform {

/// Electrical power over a stretch of time.
struct Power {
  double mean_mw = 0;
  double peak_mw = 0;  ///< the largest that was seen
  int64_t span_ns = 0;
};

/// A meter of the machine's power draw.
class PowerMeter {
 public:
  virtual ~PowerMeter() = default;
  /// What is metered: "ina3221 VDD_IN", "rapl package-0 + dram".
  virtual std::string source() const = 0;
  /// Power since the last read that succeeded; none at the first, and where the meter cannot be read now.
  /// now_ns: monotonic, larger than at the last read.
  virtual std::optional<Power> read(int64_t now_ns) = 0;
};

/// The machine's meter; without one, why not.
struct FoundMeter {
  std::unique_ptr<PowerMeter> meter;
  std::string reason;
};

/// Looks under `root` for a Jetson's INA3221, then for x86's RAPL. Never throws.
FoundMeter find_power_meter(const std::filesystem::path& root = "/");

/// INA3221 (three channels of voltage and current) as Jetsons have it: JetPack 4's driver (`iio:device*`,
/// `in_power*_input` in mW) and the kernel's own since JetPack 5 (`hwmon`, `in*_input` in mV, `curr*_input` in mA).
/// Where a rail is the input of the whole module (VDD_IN, or POM_5V_IN on the Nano) it alone is read; else the rails
/// are summed, without those that hang on another (VDDQ_VDD2_1V8AO on VIN_SYS_5V0).
FoundMeter find_ina3221(const std::filesystem::path& root);

/// RAPL of Intel and AMD processors by powercap: the energy counters of all packages and of their memory, which wrap at
/// `max_energy_range_uj`. Since Linux 5.10 only root may read them.
FoundMeter find_rapl(const std::filesystem::path& root);

}  // namespace quench::platform
