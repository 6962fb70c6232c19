#pragma once

#include <functional>
#include <string>
#include <vector>

#include "figures/figure.h"
#include "record/record.h"
#include "report/chart.h"

namespace quench::report {

enum class CostAxis {
  automatic,    ///< logarithmic where the costs span more than a factor of 6
  linear,       ///< in equal steps
  logarithmic,  ///< in equal factors; costs must be above 0
};

struct FigureOptions {
  double width = 360, height = 270;  ///< of the figure in points
  CostAxis axis = CostAxis::automatic;
  /// Width in points of a text of a size, bold or not.
  std::function<double(const std::string& text, double size, bool bold)> text_width;
};

/// A chart as a drawing: points with whiskers, Pareto fronts as steps, axes, names beside the points where they cover
/// nothing, and below a key of methods (colours, Okabe and Ito's) and models (shapes). Rows are those that the chart is
/// of. A point that has no room for its name goes without. Throws Error{config} for a logarithmic axis of costs that
/// are not above 0.
figures::Figure chart_figure(const Chart& chart, const std::vector<record::Record>& rows, Metric metric,
                             const FigureOptions& options);

}  // namespace quench::report
