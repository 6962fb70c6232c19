#include "evaluation/confusion_part.h"

#include <fmt/format.h>

#include <numeric>

#include "report/matrix_figure.h"

namespace quench::evaluation {
namespace {

constexpr size_t kReadableClasses = 30;  // their numbers have room in the cells
constexpr size_t kConfusedClasses = 24;
constexpr size_t kConfusions = 30;

report::Matrix drawn(const metrics::Confusion& confusion, const std::vector<std::string>& names,
                     const std::vector<int64_t>& places, std::string title) {
  report::Matrix matrix{std::move(title), "true class", "predicted class", {}, {}};
  for (const int64_t row : places) {
    matrix.names.push_back(names[static_cast<size_t>(row)]);
    for (const int64_t column : places) matrix.counts.push_back(confusion.at(row, column));
  }
  return matrix;
}

}  // namespace

report::PagePart confusion_part(const metrics::Confusion& confusion, const std::vector<std::string>& classes,
                                const std::string& note) {
  std::vector<std::string> names = classes;
  if (confusion.background) names.emplace_back("background");
  std::vector<int64_t> all(static_cast<size_t>(confusion.side()));
  std::iota(all.begin(), all.end(), 0);

  report::PagePart part{"Confusion", note, {}, {}, {}};
  if (std::accumulate(confusion.counts.begin(), confusion.counts.end(), int64_t{0}) == 0) return part;
  if (names.size() > kReadableClasses) {
    const std::vector<int64_t> some = metrics::most_confused_classes(confusion, kConfusedClasses);
    part.drawings.push_back(
        {"confusion_most",
         report::matrix_figure(
             drawn(confusion, names, some, fmt::format("The {} classes that are confused most", some.size()))),
         "Columns of other classes are left out, so that shares are of what is shown.", true});
  }
  part.drawings.push_back({"confusion", report::matrix_figure(drawn(confusion, names, all, "Confusion matrix")),
                           "A cell is the darker the larger its share of its row.", true});

  std::vector<int64_t> of_row(names.size(), 0);
  for (size_t r = 0; r < names.size(); ++r) {
    for (size_t c = 0; c < names.size(); ++c) {
      of_row[r] += confusion.at(static_cast<int64_t>(r), static_cast<int64_t>(c));
    }
  }
  report::PageTable frequent{"confusions",
                             "Most frequent confusions",
                             "",
                             {{"true class", "predicted class", "times", "share of the true class"}}};
  for (const metrics::Confused& one : metrics::most_confused(confusion, kConfusions)) {
    frequent.rows.push_back(
        {names[static_cast<size_t>(one.truth)], names[static_cast<size_t>(one.predicted)], one.count,
         static_cast<double>(one.count) / static_cast<double>(of_row[static_cast<size_t>(one.truth)])});
  }
  part.tables.push_back(std::move(frequent));
  report::PageTable whole{"confusion", "", "", {{"true class"}}, false};
  for (const std::string& name : names) whole.rows[0].emplace_back(name);
  for (const int64_t row : all) {
    std::vector<Json>& cells = whole.rows.emplace_back();
    cells.emplace_back(names[static_cast<size_t>(row)]);
    for (const int64_t column : all) cells.emplace_back(confusion.at(row, column));
  }
  part.tables.push_back(std::move(whole));
  return part;
}

}  // namespace quench::evaluation
