// Times between the widths that were measured.

#include <cmath>

#include "core/rng.h"
#include "error_testing.h"
#include "latency_table/surface.h"

namespace quench::latency_table {
namespace {

TEST(Surface, IsTheGridAtItsPointsAndLinearBetween) {
  const Surface surface({{8, 16}, {4, 12}, {{10, 20}, {30, 60}}}, {1, 1});
  EXPECT_EQ(surface.at(8, 4), 10);
  EXPECT_EQ(surface.at(16, 12), 60);
  EXPECT_EQ(surface.at(12, 4), 20);
  EXPECT_EQ(surface.at(8, 8), 15);
  EXPECT_EQ(surface.at(12, 8), 30);
  EXPECT_EQ(surface.at(1, 1), 10) << "as at the ends beyond them";
  EXPECT_EQ(surface.at(99, 99), 60);
}

TEST(Surface, KeepsTheStepsOfTheDevice) {
  const Surface surface({{16, 32}, {16, 32, 48}, {{1, 2, 3}, {2, 4, 6}}}, {4, 16});
  for (int64_t out = 17; out <= 32; ++out) EXPECT_EQ(surface.at(32, out), 4) << out;
  EXPECT_EQ(surface.at(32, 33), 6);
  EXPECT_EQ(surface.at(17, 32), surface.at(20, 32));
  EXPECT_LT(surface.at(20, 32), surface.at(21, 32));
  // As many outputs as inputs: they step as outputs do.
  const Surface one({{16, 32}, {}, {{1}, {2}}}, {1, 16});
  EXPECT_EQ(one.at(17, 17), 2);
  EXPECT_EQ(one.at(16, 16), 1);
  // A width that is no multiple of the step is the last there is.
  EXPECT_EQ(Surface({{16, 20}, {}, {{1}, {2}}}, {1, 16}).at(18, 18), 2);
}

TEST(Surface, NeverFallsWhereAWidthRises) {
  Rng rng(3, "surface");
  for (int round = 0; round < 20; ++round) {
    Grid grid{{4, 9, 16, 40}, {2, 8, 16, 24, 33}, {}};
    for (size_t i = 0; i < grid.in.size(); ++i) {
      std::vector<double>& row = grid.ns.emplace_back();
      for (size_t o = 0; o < grid.out.size(); ++o) row.push_back(rng.uniform(1, 100));  // noise alone
    }
    const Surface surface(grid, {round % 2 ? 4 : 1, round % 3 ? 16 : 1});
    for (int64_t in = 1; in < 45; ++in) {
      for (int64_t out = 1; out < 38; ++out) {
        EXPECT_LE(surface.at(in, out), surface.at(in + 1, out)) << in << " " << out;
        EXPECT_LE(surface.at(in, out), surface.at(in, out + 1)) << in << " " << out;
      }
    }
  }
}

TEST(Surface, StepsAreFoundUnderNoise) {
  Rng rng(4, "steps");
  for (const int64_t step : {1, 2, 4, 8, 16, 32}) {
    std::vector<int64_t> widths;
    std::vector<double> ns;
    for (int64_t width = 17; width <= 64; ++width) {
      widths.push_back(width);
      const auto blocks = static_cast<double>((width + step - 1) / step * step);
      ns.push_back((200 + 10 * blocks) * rng.uniform(0.995, 1.005));
    }
    EXPECT_EQ(step_of(widths, ns), step);
  }
  EXPECT_EQ(error_of([] { step_of({1, 2}, {1, 2}); }).first, ErrorKind::internal);
}

TEST(Surface, GridsEndAtTheWholeWidth) {
  EXPECT_EQ(grid(64, 1), (std::vector<int64_t>{8, 16, 24, 32, 40, 48, 56, 64}));
  EXPECT_EQ(grid(64, 16), (std::vector<int64_t>{16, 32, 48, 64}));
  EXPECT_EQ(grid(3, 1), (std::vector<int64_t>{1, 2, 3}));
  EXPECT_EQ(grid(3, 16), (std::vector<int64_t>{3}));
  EXPECT_EQ(grid(100, 16).back(), 100);
  EXPECT_EQ(grid(1, 1), (std::vector<int64_t>{1}));
}

}  // namespace
}  // namespace quench::latency_table
