#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace quench::report {

/// value * factor, as a number to draw or to print.
template <typename T>
std::optional<double> scaled(const std::optional<T>& value, double factor) {
  if (!value) return {};
  return static_cast<double>(*value) * factor;
}

/// Empty where there is none.
inline std::string text_of(const std::optional<std::string>& value) { return value.value_or(""); }
inline std::string text_of(const std::optional<int64_t>& value) { return value ? std::to_string(*value) : ""; }

}  // namespace quench::report
