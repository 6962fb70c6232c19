#include "core/told_apart.h"

#include <fmt/format.h>

#include <limits>

namespace quench {

std::pair<std::string, std::string> told_apart(double one, double other, int digits) {
  for (;; ++digits) {
    std::string first = fmt::format("{:.{}g}", one, digits), second = fmt::format("{:.{}g}", other, digits);
    if (first != second || one == other || digits >= std::numeric_limits<double>::max_digits10) {
      return {std::move(first), std::move(second)};
    }
  }
}

}  // namespace quench
