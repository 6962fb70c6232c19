#include "report/format.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace quench::report {

namespace {

constexpr int kMaxDecimals = 6;

int decimals_for(double value) {
  const double magnitude = std::abs(value);
  if (!std::isfinite(magnitude) || magnitude == 0) return 0;
  return std::clamp(2 - static_cast<int>(std::floor(std::log10(magnitude))), 0, kMaxDecimals);
}

}  // namespace

int decimals_for(const std::vector<std::optional<double>>& values) {
  int decimals = 0;
  for (const auto& value : values) {
    if (value) decimals = std::max(decimals, decimals_for(*value));
  }
  return decimals;
}

std::string fixed(double value, int decimals) { return fmt::format("{:.{}f}", value, decimals); }

std::string three_digits(double value) { return fixed(value, decimals_for(value)); }

std::string p_text(double p) { return p < 0.001 ? "below 0.001" : fmt::format("{:.3f}", p); }

size_t display_width(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

}  // namespace quench::report
