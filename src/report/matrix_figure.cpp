#include "report/matrix_figure.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "core/error.h"
#include "figures/svg.h"
#include "report/figure_style.h"

namespace quench::report {
namespace {

using figures::Anchor;

constexpr size_t kLongestName = 20;  // letters

/// The first letters of a long name.
std::string shortened(const std::string& name) {
  size_t letters = 0;
  for (size_t i = 0; i < name.size(); ++i) {
    if ((static_cast<unsigned char>(name[i]) & 0xc0) == 0x80) continue;
    if (letters++ == kLongestName) return name.substr(0, i) + "…";
  }
  return name;
}

double cell_side(size_t names) { return names <= 12 ? 32 : names <= 30 ? 24 : 11; }

}  // namespace

figures::Figure matrix_figure(const Matrix& matrix) {
  const size_t side = matrix.names.size();
  ensure(matrix.counts.size() == side * side, "[report.matrix] expected {} counts, got {}", side * side,
         matrix.counts.size());
  const double cell = cell_side(side), font = std::min(10.0, 0.82 * cell);
  double names_width = 0;
  for (const std::string& name : matrix.names) {
    names_width = std::max(names_width, figures::estimated_width(shortened(name), font));
  }
  const double left = names_width + 26, top = 4, span = cell * static_cast<double>(side);
  figures::Figure figure{matrix.title, left + span + 6, top + span + names_width + 32, {}};
  const auto text = [&](std::string words, figures::Place place, double size, Anchor anchor, figures::Color color,
                        bool upwards = false) {
    figure.parts.emplace_back(figures::Text{std::move(words), place, size, anchor, color, false, upwards});
  };
  const auto at = [&](size_t i) { return cell * static_cast<double>(i); };
  for (size_t r = 0; r < side; ++r) {
    const int64_t* row = matrix.counts.data() + r * side;
    const int64_t sum = std::accumulate(row, row + side, int64_t{0});
    for (size_t c = 0; c < side; ++c) {
      if (row[c] == 0) continue;
      const double share = static_cast<double>(row[c]) / static_cast<double>(sum);
      figure.parts.emplace_back(
          figures::Area{{left + at(c), top + at(r)},
                        cell,
                        cell,
                        style::kAccent,
                        0.06 + 0.94 * share,
                        fmt::format("{}: {}, {}: {}. {} of {} ({:.1f} %)", matrix.row_title, matrix.names[r],
                                    matrix.column_title, matrix.names[c], row[c], sum, 100 * share)});
      const std::string number = std::to_string(row[c]);
      const double size = std::min(9.0, (cell - 3) / figures::estimated_width(number, 1));
      if (cell < 20) continue;
      text(number, {left + at(c) + cell / 2, top + at(r) + cell / 2 + 0.35 * size}, size, Anchor::middle,
           share > 0.5 ? style::kPaper : style::kInk);
    }
  }
  for (size_t i = 0; i <= side; ++i) {
    const double x = left + at(i), y = top + at(i);
    figure.parts.emplace_back(figures::Line{{{left, y}, {left + span, y}}, 0.5, style::kGrid});
    figure.parts.emplace_back(figures::Line{{{x, top}, {x, top + span}}, 0.5, style::kGrid});
  }
  for (size_t i = 0; i < side; ++i) {
    const std::string name = shortened(matrix.names[i]);
    const double middle = at(i) + cell / 2 + 0.35 * font;
    text(name, {left - 5, top + middle}, font, Anchor::end, style::kInk);
    text(name, {left + middle, top + span + 5}, font, Anchor::end, style::kInk, true);
  }
  text(matrix.row_title, {11, top + span / 2}, 10, Anchor::middle, style::kSoft, true);
  text(matrix.column_title, {left + span / 2, figure.height - 6}, 10, Anchor::middle, style::kSoft);
  return figure;
}

}  // namespace quench::report
