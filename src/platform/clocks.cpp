#include "platform/clocks.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/text.h"
#include "platform/sysfs.h"

namespace quench::platform {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kAnyBit = INT64_MAX;

/// cpufreq's folders, one for each set of cores that share a clock.
std::vector<fs::path> policies(const fs::path& root) {
  const fs::path cpu = root / "sys/devices/system/cpu";
  std::vector<fs::path> found = entries(cpu / "cpufreq", "policy");
  if (!found.empty()) return found;
  for (const fs::path& core : entries(cpu, "cpu")) {
    if (fs::exists(core / "cpufreq")) found.push_back(core / "cpufreq");
  }
  return found;
}

void keep_largest(std::optional<int64_t>& largest, const std::optional<int64_t>& value) {
  if (value && *value > 0) largest = std::max(largest.value_or(0), *value);
}

/// A zone's temperature, in thousandths of a degree; none where a chip cannot have it.
std::optional<double> celsius(const fs::path& file) {
  const auto thousandths = read_integer(file);
  if (!thousandths || *thousandths < -40'000 || *thousandths > 150'000) return std::nullopt;
  return static_cast<double>(*thousandths) / 1000;
}

bool has_any(const std::string& text, std::initializer_list<const char*> parts) {
  return std::ranges::any_of(parts, [&](const char* part) { return text.find(part) != std::string::npos; });
}

void keep_hottest(std::optional<double>& hottest, const std::optional<double>& value) {
  if (value) hottest = std::max(hottest.value_or(-1000), *value);
}

/// Devices that cool by slowing a processor down, not fans. A `devfreq` device's state is the frequency in use, which
/// says nothing of heat.
bool slows_down(const std::string& type) {
  const std::string name = lower(type);
  return !has_any(name, {"fan", "devfreq"}) &&
         has_any(name, {"throttle", "alert", "cpufreq", "balanced", "processor", "powerclamp"});
}

}  // namespace

CpuClock read_cpu_clock(const fs::path& root) {
  CpuClock clock;
  for (const fs::path& policy : policies(root)) {
    keep_largest(clock.fastest_khz, read_integer(policy / "scaling_cur_freq"));
    keep_largest(clock.limit_khz, read_integer(policy / "scaling_max_freq"));
  }
  return clock;
}

bool reaches_limit(const fs::path& root) {
  const std::vector<fs::path> found = policies(root);
  if (found.empty()) return false;
  const std::string governor = read_text(found.front() / "scaling_governor");
  const std::string driver = read_text(found.front() / "scaling_driver");
  const bool follows_load = !governor.empty() && governor != "powersave" && governor != "userspace";
  return follows_load && !driver.empty() && !has_any(driver, {"intel", "amd", "acpi", "pcc"});
}

std::optional<double> read_temperature_c(const fs::path& root) {
  std::optional<double> named, other;
  for (const fs::path& zone : entries(root / "sys/class/thermal", "thermal_zone")) {
    const std::string type = lower(read_text(zone / "type"));
    if (has_any(type, {"pmic", "fan"})) continue;
    keep_hottest(has_any(type, {"cpu", "gpu", "x86_pkg", "tj", "soc"}) ? named : other, celsius(zone / "temp"));
  }
  for (const fs::path& chip : entries(root / "sys/class/hwmon", "hwmon")) {
    const std::string name = lower(read_text(chip / "name"));
    if (name == "coretemp" || name == "k10temp") keep_hottest(named, celsius(chip / "temp1_input"));
  }
  return named ? named : other;
}

ThrottleSigns::ThrottleSigns(const fs::path& root) {
  for (const fs::path& device : entries(root / "sys/class/thermal", "cooling_device")) {
    const std::string type = read_text(device / "type");
    if (slows_down(type) && read_integer(device / "cur_state")) {
      flags_.push_back({device / "cur_state", fmt::format("cooling device {} is on", type), 10, kAnyBit});
    }
  }
  // Bits of now; those of the time since boot are 16 higher.
  const fs::path firmware = root / "sys/devices/platform/soc/soc:firmware/get_throttled";
  const std::array pi_bits{"under-voltage", "frequency capped", "throttled", "soft temperature limit"};
  for (size_t bit = 0; bit < pi_bits.size() && read_integer(firmware, 16); ++bit) {
    flags_.push_back({firmware, fmt::format("the board's firmware says: {}", pi_bits[bit]), 16, int64_t{1} << bit});
  }
  const auto count = [this](const fs::path& file, const std::string& text) {
    if (const auto first = read_integer(file)) counters_.push_back({file, text, *first});
  };
  for (const fs::path& chip : entries(root / "sys/class/hwmon", "hwmon")) {
    const std::string name = read_text(chip / "name");
    if (name == "rpi_volt" && read_integer(chip / "in0_lcrit_alarm")) {
      flags_.push_back({chip / "in0_lcrit_alarm", "the board's supply says: under-voltage", 10, kAnyBit});
    }
    if (name != "soctherm_oc") continue;
    for (int i = 1; i <= 3; ++i) {
      count(chip / fmt::format("oc{}_event_cnt", i), fmt::format("over-current event of kind {}", i));
    }
  }
  for (const fs::path& core : entries(root / "sys/devices/system/cpu", "cpu")) {
    count(core / "thermal_throttle/core_throttle_count", "thermal event of a core");
    count(core / "thermal_throttle/package_throttle_count", "thermal event of the package");
  }
}

std::vector<std::string> ThrottleSigns::look() const {
  std::vector<std::string> shown;
  const auto show = [&shown](const std::string& text) {
    if (std::ranges::find(shown, text) == shown.end()) shown.push_back(text);
  };
  for (const Flag& flag : flags_) {
    const int64_t value = read_integer(flag.file, flag.base).value_or(0);
    if (value > 0 && (value & flag.mask) != 0) show(flag.text);
  }
  for (const Counter& counter : counters_) {
    if (read_integer(counter.file).value_or(counter.first) > counter.first) show(counter.text);
  }
  return shown;
}

}  // namespace quench::platform
