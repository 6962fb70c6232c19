#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

#include "core/rng.h"
#include "report/pareto.h"

namespace quench::report {
namespace {

bool beats(const Point& a, const Point& b) {
  return a.cost <= b.cost && a.accuracy >= b.accuracy && (a.cost < b.cost || a.accuracy > b.accuracy);
}
bool finite(const Point& p) { return std::isfinite(p.cost) && std::isfinite(p.accuracy); }

/// The definition itself, in quadratic time.
std::set<size_t> brute_force(const std::vector<Point>& points) {
  std::set<size_t> front;
  for (size_t i = 0; i < points.size(); ++i) {
    bool beaten = !finite(points[i]);
    for (const Point& other : points) beaten = beaten || (finite(other) && beats(other, points[i]));
    if (!beaten) front.insert(i);
  }
  return front;
}

TEST(Pareto, EqualsTheDefinitionOnRandomPoints) {
  for (uint64_t round = 0; round < 2000; ++round) {
    Rng rng(7, "pareto", round);
    std::vector<Point> points(rng.below(30));
    for (Point& point : points) {
      // A coarse grid, so that equal costs, equal accuracies and equal points are common.
      point = {static_cast<double>(rng.below(8)), static_cast<double>(rng.below(8)) / 8};
      if (rng.chance(0.03)) point.cost = std::numeric_limits<double>::quiet_NaN();
      if (rng.chance(0.03)) point.accuracy = std::numeric_limits<double>::infinity();
    }
    const std::vector<size_t> front = pareto_front(points);
    ASSERT_EQ(std::set<size_t>(front.begin(), front.end()), brute_force(points)) << "round " << round;
    ASSERT_EQ(std::set<size_t>(front.begin(), front.end()).size(), front.size());
    for (size_t i = 1; i < front.size(); ++i) {
      ASSERT_LE(points[front[i - 1]].cost, points[front[i]].cost);
      ASSERT_LE(points[front[i - 1]].accuracy, points[front[i]].accuracy);
    }
  }
}

TEST(Pareto, NoPointsNoFront) {
  EXPECT_TRUE(pareto_front({}).empty());
  EXPECT_TRUE(pareto_front({{std::nan(""), 1}}).empty());
}

TEST(Pareto, EqualPointsAreAllKept) { EXPECT_EQ(pareto_front({{2, 1}, {1, 1}, {1, 1}}), (std::vector<size_t>{1, 2})); }

TEST(Pareto, DoesNotDependOnScale) {
  const std::vector<Point> points{{1, .5}, {2, .7}, {3, .6}, {4, .9}};
  std::vector<Point> scaled = points;
  for (Point& point : scaled) point = {std::exp(point.cost), 100 * point.accuracy - 7};
  EXPECT_EQ(pareto_front(points), pareto_front(scaled));
}

}  // namespace
}  // namespace quench::report
