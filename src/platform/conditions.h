#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "platform/clocks.h"
#include "platform/power.h"

namespace quench::platform {

/// What the machine did while something was measured. What it does not tell is empty, and `missing` says why.
struct Conditions {
  std::optional<double> power_mean_mw;
  std::optional<double> power_max_mw;
  std::optional<std::string> power_source;
  std::optional<double> temperature_start_c;
  std::optional<double> temperature_end_c;
  std::optional<int64_t> frequency_min_mhz;   ///< of the fastest core
  std::optional<int64_t> frequency_mean_mhz;  ///< likewise
  /// Whether the machine was held back: it said so, its limit was lowered, its frequency fell by more than a tenth
  /// from the first quarter of the time to the last, or stayed that far below a limit that the load should reach.
  std::optional<bool> throttled;
  std::vector<std::string> throttled_by;  ///< "the frequency fell from 1479 MHz to 921 MHz"
  std::vector<std::string> missing;       ///< "temperature: no sensor"
};

/// Takes samples and concludes. All reading is under `root`; nothing throws.
class ConditionsLog {
 public:
  explicit ConditionsLog(std::filesystem::path root);

  bool has_power() const { return found_.meter != nullptr; }
  /// One look at everything. now_ns: monotonic, growing.
  void sample(int64_t now_ns);
  Conditions conclude() const;

 private:
  void conclude_power(Conditions& conditions) const;
  void conclude_clock(Conditions& conditions) const;

  std::filesystem::path root_;
  FoundMeter found_;
  ThrottleSigns signs_;
  bool reaches_limit_;
  int64_t samples_ = 0;
  double energy_pj_ = 0;  ///< mW x ns
  int64_t metered_ns_ = 0;
  double power_max_mw_ = 0;
  std::optional<double> temperature_start_c_, temperature_end_c_;
  std::vector<int64_t> frequencies_khz_;
  std::vector<int64_t> limits_khz_;
  std::vector<std::string> signs_seen_;
};

}  // namespace quench::platform
