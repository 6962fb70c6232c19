#include "platform/conditions.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace quench::platform {
namespace {

constexpr double kFallen = 0.9;          // of what it was or should be
constexpr size_t kSamplesForATrend = 8;  // two a quarter
constexpr size_t kSamplesForALevel = 3;

double mean(const std::vector<int64_t>& values, size_t begin, size_t end) {
  return static_cast<double>(std::accumulate(values.begin() + static_cast<std::ptrdiff_t>(begin),
                                             values.begin() + static_cast<std::ptrdiff_t>(end), int64_t{0})) /
         static_cast<double>(end - begin);
}

int64_t to_mhz(double khz) { return static_cast<int64_t>(khz / 1000 + 0.5); }

}  // namespace

ConditionsLog::ConditionsLog(std::filesystem::path root)
    : root_(std::move(root)),
      found_(find_power_meter(root_)),
      signs_(root_),
      reaches_limit_(platform::reaches_limit(root_)) {}

void ConditionsLog::sample(int64_t now_ns) {
  ++samples_;
  if (found_.meter) {
    if (const auto power = found_.meter->read(now_ns)) {
      energy_pj_ += power->mean_mw * static_cast<double>(power->span_ns);
      metered_ns_ += power->span_ns;
      power_max_mw_ = std::max(power_max_mw_, power->peak_mw);
    }
  }
  if (const auto temperature = read_temperature_c(root_)) {
    if (samples_ == 1) temperature_start_c_ = temperature;
    temperature_end_c_ = temperature;
  }
  const CpuClock clock = read_cpu_clock(root_);
  if (clock.fastest_khz) frequencies_khz_.push_back(*clock.fastest_khz);
  if (clock.limit_khz) limits_khz_.push_back(*clock.limit_khz);
  for (std::string& sign : signs_.look()) {
    if (std::ranges::find(signs_seen_, sign) == signs_seen_.end()) signs_seen_.push_back(std::move(sign));
  }
}

void ConditionsLog::conclude_power(Conditions& conditions) const {
  if (!found_.meter) {
    conditions.missing.push_back(fmt::format("power: {}", found_.reason));
  } else if (metered_ns_ == 0) {
    conditions.missing.push_back(fmt::format("power: {} could not be read twice", found_.meter->source()));
  } else {
    conditions.power_mean_mw = energy_pj_ / static_cast<double>(metered_ns_);
    conditions.power_max_mw = power_max_mw_;
    conditions.power_source = found_.meter->source();
  }
}

void ConditionsLog::conclude_clock(Conditions& conditions) const {
  const std::vector<int64_t>& khz = frequencies_khz_;
  if (khz.empty()) {
    conditions.missing.push_back("frequency: no cpufreq");
    return;
  }
  const size_t n = khz.size();
  const double level = mean(khz, 0, n);
  conditions.frequency_min_mhz = to_mhz(static_cast<double>(*std::ranges::min_element(khz)));
  conditions.frequency_mean_mhz = to_mhz(level);

  const auto throttled = [&conditions](double from_khz, double to_khz, const char* what) {
    conditions.throttled = true;
    conditions.throttled_by.push_back(fmt::format("{} {} MHz to {} MHz", what, to_mhz(from_khz), to_mhz(to_khz)));
  };
  const double first = mean(khz, 0, std::max<size_t>(1, n / 4)), last = mean(khz, n - std::max<size_t>(1, n / 4), n);
  if (n >= kSamplesForATrend && last < kFallen * first) throttled(first, last, "the frequency fell from");
  if (limits_khz_.empty()) return;
  const auto limit = static_cast<double>(limits_khz_.front());
  const auto lowest = static_cast<double>(*std::ranges::min_element(limits_khz_));
  if (lowest < limit) throttled(limit, lowest, "the highest frequency allowed was lowered from");
  if (reaches_limit_ && n >= kSamplesForALevel && level < kFallen * lowest) {
    throttled(lowest, level, "the frequency stayed below its limit: from");
  }
}

Conditions ConditionsLog::conclude() const {
  Conditions conditions;
  if (signs_.any() || !frequencies_khz_.empty()) {
    conditions.throttled = false;
  } else {
    conditions.missing.push_back("throttling: no signs of it to read");
  }
  conclude_power(conditions);
  conditions.temperature_start_c = temperature_start_c_;
  conditions.temperature_end_c = temperature_end_c_;
  if (!temperature_end_c_) conditions.missing.push_back("temperature: no sensor");
  conclude_clock(conditions);
  for (const std::string& sign : signs_seen_) {
    conditions.throttled = true;
    conditions.throttled_by.push_back(sign);
  }
  return conditions;
}

}  // namespace quench::platform
