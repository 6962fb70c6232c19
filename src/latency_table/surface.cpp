#include "latency_table/surface.h"

#include <algorithm>
#include <limits>

#include "core/error.h"

namespace quench::latency_table {
namespace {

constexpr int64_t kParts = 8;  ///< of a width
constexpr int64_t kSteps[] = {1, 2, 4, 8, 16, 32};

int64_t rounded_up(int64_t value, int64_t step) { return (value + step - 1) / step * step; }

/// Sum of the squares that the line through (x, y) leaves.
double residual(const std::vector<double>& x, const std::vector<double>& y) {
  const auto n = static_cast<double>(x.size());
  double mean_x = 0, mean_y = 0, xx = 0, xy = 0, yy = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    mean_x += x[i] / n;
    mean_y += y[i] / n;
  }
  for (size_t i = 0; i < x.size(); ++i) {
    xx += (x[i] - mean_x) * (x[i] - mean_x);
    xy += (x[i] - mean_x) * (y[i] - mean_y);
    yy += (y[i] - mean_y) * (y[i] - mean_y);
  }
  return xx > 0 ? yy - xy * xy / xx : yy;
}

/// Where a width lies among ascending points: between `low` and `low + 1`, `share` of the way.
struct Position {
  size_t low = 0;
  double share = 0;
};

Position position(const std::vector<int64_t>& points, int64_t width) {
  if (width <= points.front()) return {};
  if (width >= points.back()) return {points.size() - 1, 0};
  const auto above = std::ranges::upper_bound(points, width);
  const auto low = static_cast<size_t>(above - points.begin()) - 1;
  return {low, static_cast<double>(width - points[low]) / static_cast<double>(points[low + 1] - points[low])};
}

double between(double low, double high, double share) { return share == 0 ? low : low + share * (high - low); }

}  // namespace

int64_t step_of(const std::vector<int64_t>& widths, const std::vector<double>& ns) {
  ensure(widths.size() == ns.size() && widths.size() >= 3, "[latency_table] expected times of 3 widths, got {}",
         ns.size());
  int64_t best = 1;
  double least = std::numeric_limits<double>::infinity();
  for (const int64_t step : kSteps) {
    std::vector<double> x;
    for (const int64_t width : widths) x.push_back(static_cast<double>(rounded_up(width, step)));
    const double left = residual(x, ns);
    if (left < least) {
      least = left;
      best = step;
    }
  }
  return best;
}

std::vector<int64_t> grid(int64_t full, int64_t step) {
  std::vector<int64_t> points;
  for (int64_t part = 1; part <= kParts; ++part) {
    const int64_t width = std::min(full, rounded_up(std::max<int64_t>(1, full * part / kParts), step));
    if (points.empty() || width > points.back()) points.push_back(width);
  }
  return points;
}

Surface::Surface(Grid grid, Steps steps) : grid_(std::move(grid)), steps_(steps) {
  for (size_t i = 0; i < grid_.ns.size(); ++i) {
    for (size_t o = 0; o < grid_.ns[i].size(); ++o) {
      double& here = grid_.ns[i][o];
      if (i > 0) here = std::max(here, grid_.ns[i - 1][o]);
      if (o > 0) here = std::max(here, grid_.ns[i][o - 1]);
    }
  }
}

double Surface::at(int64_t in, int64_t out) const {
  // A layer with as many outputs as inputs steps as others do in their outputs.
  const bool one = grid_.out.empty();
  const Position row = position(grid_.in, rounded_up(in, one ? steps_.out : steps_.in));
  const Position column = one ? Position{} : position(grid_.out, rounded_up(out, steps_.out));
  const auto along = [&](const std::vector<double>& ns) {
    return column.share == 0 ? ns[column.low] : between(ns[column.low], ns[column.low + 1], column.share);
  };
  const double low = along(grid_.ns[row.low]);
  return row.share == 0 ? low : between(low, along(grid_.ns[row.low + 1]), row.share);
}

}  // namespace quench::latency_table
