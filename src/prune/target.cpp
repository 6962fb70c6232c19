#include "prune/target.h"

#include <charconv>
#include <cmath>

#include "config/tables.h"
#include "core/error.h"
#include "core/told_apart.h"

namespace quench::prune {

double target_of(const std::string& text, double full, const std::string& option) {
  double value = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, problem] = std::from_chars(text.data(), end, value);
  const std::string unit(rest, end);
  double factor = 1;
  if (unit == "x") {
    factor = full;
  } else if (unit == "k") {
    factor = 1e3;
  } else if (unit == "M") {
    factor = 1e6;
  } else if (unit == "G") {
    factor = 1e9;
  }
  if (problem != std::errc() || (factor == 1 && !unit.empty())) {
    fail(ErrorKind::config, "[prune] {}: expected a number (0.8, 3M) or a share of the model's (0.5x), got '{}'",
         option, text);
  }
  if (unit == "x" && !(value > 0 && value < 1)) {
    fail(ErrorKind::config, "[prune] {}: expected a share of the model's in (0,1), got '{}'", option, text);
  }
  const double target = value * factor;
  if (!(target > 0 && target < full)) {
    const auto [most, got] = told_apart(full, target, 7);
    fail(ErrorKind::config, "[prune] {}: expected more than 0 and less than the model's {}, got {} ('{}')", option,
         most, got, text);
  }
  return target;
}

double latency_target_of(const std::string& text, double full_ns, const std::string& option,
                         std::optional<double> original_ns) {
  const config::LatencyTarget wanted = config::latency_target(text, "[prune] " + option);
  if (wanted.of_original) {
    if (!original_ns) {
      fail(ErrorKind::config,
           "[prune] {}: expected an earlier round of pruning to a latency on this device for '{}', "
           "got a model without",
           option, text);
    }
    return wanted.value * *original_ns;
  }
  const double target = wanted.share ? wanted.value * full_ns : wanted.value;
  if (!(target > 0 && target < full_ns)) {
    const auto [most, got] = told_apart(full_ns * 1e-6, target * 1e-6, 4);
    fail(ErrorKind::config, "[prune] {}: expected more than 0 and less than the model's {} ms, got {} ms", option, most,
         got);
  }
  return target;
}

}  // namespace quench::prune
