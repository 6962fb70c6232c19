#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "figures/figure.h"

namespace quench::report {

/// Counts in rows and columns: a confusion matrix.
struct Matrix {
  std::string title, row_title, column_title;
  std::vector<std::string> names;  ///< of rows and of columns
  std::vector<int64_t> counts;     ///< [row][column]
};

/// The matrix as a drawing: a cell is the darker the larger its share of its row, and has its number where there is
/// room (30 names or fewer); empty cells stay empty. Names are cut where they are long.
figures::Figure matrix_figure(const Matrix& matrix);

}  // namespace quench::report
