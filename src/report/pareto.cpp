#include "report/pareto.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

namespace quench::report {

std::vector<size_t> pareto_front(const std::vector<Point>& points) {
  std::vector<size_t> order;
  for (size_t i = 0; i < points.size(); ++i) {
    if (std::isfinite(points[i].cost) && std::isfinite(points[i].accuracy)) order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    if (points[a].cost != points[b].cost) return points[a].cost < points[b].cost;
    return points[a].accuracy > points[b].accuracy;
  });
  std::vector<size_t> front;
  double best = -std::numeric_limits<double>::infinity();
  for (const size_t i : order) {
    const bool equals_last = !front.empty() && points[i].cost == points[front.back()].cost &&
                             points[i].accuracy == points[front.back()].accuracy;
    if (points[i].accuracy > best || equals_last) front.push_back(i);
    best = std::max(best, points[i].accuracy);
  }
  return front;
}

}  // namespace quench::report
