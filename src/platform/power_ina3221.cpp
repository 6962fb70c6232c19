#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <vector>

#include "platform/power.h"
#include "platform/sysfs.h"

namespace quench::platform {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMostMw = 1'000'000;  // above a kilowatt a reading is nonsense

/// One channel: its power file (mW), or its files of voltage (mV) and current (mA).
struct Rail {
  std::string name;
  fs::path power_mw;
  fs::path voltage_mv;
  fs::path current_ma;

  std::optional<double> read() const {
    if (!power_mw.empty()) {
      if (const auto power = read_integer(power_mw)) return plausible(static_cast<double>(*power));
    }
    const auto voltage = read_integer(voltage_mv);
    const auto current = read_integer(current_ma);
    if (!voltage || !current) return std::nullopt;
    return plausible(static_cast<double>(*voltage) * static_cast<double>(*current) / 1000);
  }

 private:
  static std::optional<double> plausible(double mw) {
    if (mw < 0 || mw > kMostMw) return std::nullopt;
    return mw;
  }
};

class Ina3221 : public PowerMeter {
 public:
  explicit Ina3221(std::vector<Rail> rails) : rails_(std::move(rails)) {}

  std::string source() const override {
    std::vector<std::string> names;
    for (const Rail& rail : rails_) names.push_back(rail.name);
    return fmt::format("ina3221 {}", fmt::join(names, " + "));
  }

  std::optional<double> power_now() const {
    double sum = 0;
    for (const Rail& rail : rails_) {
      const auto mw = rail.read();
      if (!mw) return std::nullopt;
      sum += *mw;
    }
    return sum;
  }

  /// Between two readings power is taken to change evenly.
  std::optional<Power> read(int64_t now_ns) override {
    const auto now_mw = power_now();
    if (!now_mw) return std::nullopt;
    std::optional<Power> power;
    if (last_mw_ && now_ns > last_ns_) {
      power = Power{(*last_mw_ + *now_mw) / 2, std::max(*last_mw_, *now_mw), now_ns - last_ns_};
    }
    last_mw_ = now_mw;
    last_ns_ = now_ns;
    return power;
  }

 private:
  std::vector<Rail> rails_;
  std::optional<double> last_mw_;
  int64_t last_ns_ = 0;
};

/// Folders that hold the channels' files, each once however many links lead there.
std::vector<fs::path> channel_folders(const fs::path& root) {
  std::set<fs::path> seen;
  std::vector<fs::path> folders;
  const auto add = [&](const fs::path& folder) {
    std::error_code code;
    const fs::path real = fs::canonical(folder, code);
    if (!code && fs::is_directory(real, code) && seen.insert(real).second) folders.push_back(folder);
  };
  for (const char* parent : {"sys/bus/i2c/drivers/ina3221x", "sys/bus/i2c/drivers/ina3221", "sys/bus/i2c/devices"}) {
    for (const fs::path& chip : entries(root / parent)) {
      if (!read_text(chip / "name").starts_with("ina3221")) continue;
      for (const fs::path& folder : entries(chip, "iio")) add(folder);
      for (const fs::path& folder : entries(chip / "hwmon", "hwmon")) add(folder);
    }
  }
  for (const fs::path& folder : entries(root / "sys/class/hwmon", "hwmon")) {
    if (read_text(folder / "name").starts_with("ina3221")) add(folder);
  }
  return folders;
}

std::vector<Rail> rails_of(const fs::path& folder) {
  std::vector<Rail> rails;
  const auto add = [&](const std::string& name, const Rail& rail) {
    if (name.empty() || name == "NC") return;  // not connected
    rails.push_back(rail);
    rails.back().name = name;
  };
  for (int i = 0; i < 3; ++i) {
    add(read_text(folder / fmt::format("rail_name_{}", i)),
        {"", folder / fmt::format("in_power{}_input", i), folder / fmt::format("in_voltage{}_input", i),
         folder / fmt::format("in_current{}_input", i)});
    add(read_text(folder / fmt::format("in{}_label", i + 1)),
        {"", "", folder / fmt::format("in{}_input", i + 1), folder / fmt::format("curr{}_input", i + 1)});
  }
  return rails;
}

/// The rails whose sum is what the module draws.
std::vector<Rail> whole_module(std::vector<Rail> rails) {
  const auto named = [&rails](const char* name) { return std::ranges::find(rails, name, &Rail::name); };
  for (const char* input : {"VDD_IN", "POM_5V_IN"}) {
    if (const auto found = named(input); found != rails.end()) return {*found};
  }
  if (named("VIN_SYS_5V0") != rails.end()) {
    std::erase_if(rails, [](const Rail& rail) { return rail.name == "VDDQ_VDD2_1V8AO"; });
  }
  return rails;
}

}  // namespace

FoundMeter find_ina3221(const fs::path& root) {
  const std::vector<fs::path> folders = channel_folders(root);
  if (folders.empty()) return {nullptr, "no INA3221"};
  std::vector<Rail> rails;
  for (const fs::path& folder : folders) {
    for (Rail& rail : rails_of(folder)) rails.push_back(std::move(rail));
  }
  if (rails.empty()) return {nullptr, fmt::format("no named rail of the INA3221 in {}", folders.front().string())};
  auto meter = std::make_unique<Ina3221>(whole_module(std::move(rails)));
  if (!meter->power_now()) {
    return {nullptr, fmt::format("the rails of the INA3221 cannot be read ({})", meter->source())};
  }
  return {std::move(meter), ""};
}

}  // namespace quench::platform
