#include <fmt/format.h>
#include <fmt/ranges.h>

#include <vector>

#include "core/error.h"
#include "core/file.h"
#include "platform/power.h"
#include "platform/sysfs.h"

namespace quench::platform {
namespace {

namespace fs = std::filesystem;

/// One energy counter.
struct Domain {
  std::string name;
  fs::path energy_uj;
  int64_t range_uj;  ///< the counter goes on from 0 here; 0: not told
  int64_t last_uj = 0;

  /// Energy since the last reading.
  std::optional<int64_t> since_last(int64_t now_uj) const {
    if (now_uj >= last_uj) return now_uj - last_uj;
    if (range_uj < last_uj) return std::nullopt;
    return range_uj - last_uj + now_uj;
  }
};

class Rapl : public PowerMeter {
 public:
  explicit Rapl(std::vector<Domain> domains) : domains_(std::move(domains)) {}

  std::string source() const override {
    std::vector<std::string> names;
    for (const Domain& domain : domains_) names.push_back(domain.name);
    return fmt::format("rapl {}", fmt::join(names, " + "));
  }

  std::optional<Power> read(int64_t now_ns) override {
    std::vector<int64_t> now_uj;
    for (const Domain& domain : domains_) {
      const auto energy = read_integer(domain.energy_uj);
      if (!energy || *energy < 0) return std::nullopt;
      now_uj.push_back(*energy);
    }
    std::optional<int64_t> spent_uj = 0;
    for (size_t i = 0; i < domains_.size(); ++i) {
      const auto part = domains_[i].since_last(now_uj[i]);
      spent_uj = spent_uj && part ? std::optional(*spent_uj + *part) : std::nullopt;
      domains_[i].last_uj = now_uj[i];
    }
    std::optional<Power> power;
    if (started_ && spent_uj && now_ns > last_ns_) {
      const double mw = static_cast<double>(*spent_uj) / static_cast<double>(now_ns - last_ns_) * 1e6;
      power = Power{mw, mw, now_ns - last_ns_};
    }
    started_ = true;
    last_ns_ = now_ns;
    return power;
  }

 private:
  std::vector<Domain> domains_;
  bool started_ = false;
  int64_t last_ns_ = 0;
};

/// Packages, and memory that is counted beside them. Cores and graphics are parts of their package; `psys` (the whole
/// platform) is wrong on many boards.
bool counts(const std::string& name) { return name.starts_with("package") || name == "dram"; }

}  // namespace

FoundMeter find_rapl(const fs::path& root) {
  std::vector<fs::path> zones = entries(root / "sys/class/powercap", "intel-rapl:");  // AMD's too
  if (zones.empty()) zones = entries(root / "sys/class/powercap", "intel-rapl-mmio:");
  std::vector<Domain> domains;
  for (const fs::path& zone : zones) {
    const std::string name = read_text(zone / "name");
    if (!counts(name)) continue;
    const fs::path energy = zone / "energy_uj";
    try {
      read_file(energy);
    } catch (const Error& error) {
      return {nullptr, fmt::format("RAPL's counters cannot be read, which takes root: {}", error.what())};
    }
    if (!read_integer(energy)) {
      return {nullptr, fmt::format("expected a number in {}, got '{}'", energy.string(), read_text(energy))};
    }
    domains.push_back({name, energy, read_integer(zone / "max_energy_range_uj").value_or(0)});
  }
  if (domains.empty()) return {nullptr, "no RAPL"};
  return {std::make_unique<Rapl>(std::move(domains)), ""};
}

}  // namespace quench::platform
