#pragma once

#include <optional>
#include <string>
#include <vector>

#include "figures/figure.h"
#include "report/axis.h"

namespace quench::report {

/// One curve of a drawing.
struct Curve {
  std::string name;                    ///< in the key
  std::vector<figures::Place> points;  ///< in values of the axes, by ascending x; the line breaks where y is NaN
  figures::Color color;
  double width = 1.5;
  bool keyed = true;    ///< named in the key; else only where it is pointed at
  bool marked = false;  ///< a mark at each point
  std::vector<double> dashes = {};
};

/// Curves over one pair of axes.
struct CurveChart {
  std::string title, x_title, y_title;
  Axis x, y;
  std::vector<Curve> curves;           ///< later ones cover earlier ones
  std::optional<double> upright = {};  ///< a dashed line at this x
  std::string upright_text = {};
};

/// From 0 to 1, marked at fifths.
Axis unit_axis();

/// The chart as a drawing, with a key of its curves below. What lies outside the axes is drawn at their ends.
figures::Figure curve_figure(const CurveChart& chart);

}  // namespace quench::report
