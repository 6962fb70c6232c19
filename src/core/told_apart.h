#pragma once

#include <string>
#include <utility>

namespace quench {

/// Two numbers for a message that compares them: with `digits` significant ones, or as many more as it takes until
/// texts of numbers that differ do.
std::pair<std::string, std::string> told_apart(double one, double other, int digits);

}  // namespace quench
