#pragma once

#include <cstddef>
#include <vector>

namespace quench::report {

/// A point of a comparison: less cost and more accuracy are better.
struct Point {
  double cost;
  double accuracy;
};

/// Indices of the points that no other point beats (at most its cost and at least its accuracy, one of them strictly),
/// by rising cost. Non-finite points are left out. Equal points are all kept.
std::vector<size_t> pareto_front(const std::vector<Point>& points);

}  // namespace quench::report
