#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "record/record.h"

namespace quench::report {

/// The mean of a figure over members of rows (indices, at least one); empty where one has none. Equal figures have just
/// that mean, to the last digit: else what costs the same would stand apart in a chart.
template <typename Of>
std::optional<double> row_mean(const std::vector<size_t>& members, const std::vector<record::Record>& rows, Of of) {
  const std::optional<double> first = of(rows[members.front()]);
  double more = 0;
  for (const size_t row : members) {
    const std::optional<double> value = of(rows[row]);
    if (!value) return {};
    more += (*value - *first) / static_cast<double>(members.size());
  }
  return *first + more;
}

}  // namespace quench::report
