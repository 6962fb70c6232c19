#pragma once

#include <cstdint>
#include <vector>

namespace quench::latency_table {

/// Channels that a device computes at a time: 33 cost what 48 do where the step is 16.
struct Steps {
  int64_t in = 1, out = 1;
  bool operator==(const Steps&) const = default;
};

/// The step among 1, 2, 4, 8, 16 and 32 that explains the times of neighbouring widths best: by least squares of
/// ns = a + b x (width rounded up to the step). widths and ns: as many, three at least; Error{internal} else.
int64_t step_of(const std::vector<int64_t>& widths, const std::vector<double>& ns);

/// Widths at which a layer of `full` channels is timed: eighths of it, rounded up to multiples of `step`, and itself.
std::vector<int64_t> grid(int64_t full, int64_t step);

/// Times of one layer at a grid of widths.
struct Grid {
  std::vector<int64_t> in;              ///< ascending
  std::vector<int64_t> out;             ///< ascending; empty where a layer has as many output channels as inputs
  std::vector<std::vector<double>> ns;  ///< of each `in`: of each `out`, or one
  bool operator==(const Grid&) const = default;
};

/// The time of a layer at any width, in ns, that never falls where a width rises: the running maximum of the grid along
/// both axes, linear between its points, after widths have been rounded up to the steps; as at the ends beyond them.
class Surface {
 public:
  Surface(Grid grid, Steps steps);
  double at(int64_t in, int64_t out) const;

 private:
  Grid grid_;
  Steps steps_;
};

}  // namespace quench::latency_table
