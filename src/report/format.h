#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace quench::report {

/// Decimals that show at least three digits of every value of a column, but no more than six.
int decimals_for(const std::vector<std::optional<double>>& values);

/// "12.34" with so many decimals.
std::string fixed(double value, int decimals);

/// Three digits: "0.0123", "1.23", "12.3", "1234".
std::string three_digits(double value);

/// A p value after "p ": "0.012", "below 0.001".
std::string p_text(double p);

/// Number of code points of UTF-8 text, for alignment.
size_t display_width(std::string_view text);

}  // namespace quench::report
