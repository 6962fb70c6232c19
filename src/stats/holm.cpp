#include "stats/holm.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace quench::stats {

std::vector<double> holm(std::span<const double> p) {
  std::vector<double> adjusted(p.begin(), p.end());
  std::vector<size_t> order;
  for (size_t i = 0; i < p.size(); ++i) {
    if (!std::isnan(p[i])) order.push_back(i);
  }
  std::ranges::sort(order, {}, [&](size_t i) { return p[i]; });
  double highest = 0;
  for (size_t rank = 0; rank < order.size(); ++rank) {
    highest = std::max(highest, p[order[rank]] * static_cast<double>(order.size() - rank));
    adjusted[order[rank]] = std::min(highest, 1.0);
  }
  return adjusted;
}

}  // namespace quench::stats
