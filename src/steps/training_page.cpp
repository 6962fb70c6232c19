#include "steps/training_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "core/file.h"
#include "report/curve_figure.h"
#include "report/figure_style.h"

namespace quench::steps {
namespace {

using figures::Place;
using train::EpochRow;

std::vector<std::string> score_names(const std::vector<EpochRow>& rows, score::Scores EpochRow::*list) {
  for (const EpochRow& row : rows) {
    std::vector<std::string> names;
    for (const score::Score& score : row.*list) names.push_back(score.name);
    if (!names.empty()) return names;
  }
  return {};
}

/// A chart over epochs; values at which an epoch has none are left out of their curve.
class EpochChart {
 public:
  EpochChart(const std::vector<EpochRow>& rows, std::string title, std::string y_title) : rows_(rows) {
    chart_.title = std::move(title);
    chart_.x_title = "epoch";
    chart_.y_title = std::move(y_title);
  }

  template <typename Value>
  void add(const std::string& name, Value value_of) {
    report::Curve curve{name, {}, report::style::kCurves[chart_.curves.size() % report::style::kCurves.size()]};
    for (const EpochRow& row : rows_) {
      const std::optional<double> value = value_of(row);
      if (!value) continue;
      curve.points.push_back({static_cast<double>(row.epoch), *value});
      low_ = std::min(low_, *value);
      high_ = std::max(high_, *value);
    }
    curve.marked = curve.points.size() < 30;
    if (!curve.points.empty()) chart_.curves.push_back(std::move(curve));
  }
  void add(const std::string& name, score::Scores EpochRow::*list) {
    add(name, [&](const EpochRow& row) -> std::optional<double> {
      const auto found = std::ranges::find(row.*list, name, &score::Score::name);
      return found == (row.*list).end() ? std::nullopt : std::optional(found->value);
    });
  }
  void draw(const char* file, report::PagePart& part, double most) {
    if (chart_.curves.empty()) return;
    const auto last = static_cast<double>(rows_.back().epoch);
    chart_.x = report::linear_axis(1, std::max(last, 2.0), 6, last);
    chart_.x.low = 1;
    chart_.x.high = std::max(last, 2.0);
    std::erase_if(chart_.x.ticks, [&](double tick) { return tick < 1 || tick != std::floor(tick) || tick > last; });
    chart_.y = report::linear_axis(low_, high_, 5, most);
    part.drawings.push_back({file, report::curve_figure(chart_)});
  }

 private:
  const std::vector<EpochRow>& rows_;
  report::CurveChart chart_;
  double low_ = std::numeric_limits<double>::infinity(), high_ = -low_;
};

report::PageTable epochs_table(const std::vector<EpochRow>& rows) {
  const std::vector<std::string> parts = score_names(rows, &EpochRow::loss_parts);
  const std::vector<std::string> scores = score_names(rows, &EpochRow::scores);
  report::PageTable table{"epochs", "Each epoch", "The file results.csv has the same.", {{"epoch", "lr", "loss"}}};
  for (const auto* names : {&parts, &scores}) {
    for (const std::string& name : *names) table.rows[0].emplace_back(name);
  }
  table.rows[0].insert(table.rows[0].end(), {"images/s", "seconds"});
  for (const EpochRow& row : rows) {
    std::vector<Json>& cells = table.rows.emplace_back(std::vector<Json>{row.epoch, row.lr, row.train_loss});
    const auto add = [&](const score::Scores& list, const std::vector<std::string>& names) {
      for (const std::string& name : names) {
        const auto found = std::ranges::find(list, name, &score::Score::name);
        cells.push_back(found == list.end() ? Json(nullptr) : Json(found->value));
      }
    };
    add(row.loss_parts, parts);
    add(row.scores, scores);
    cells.insert(cells.end(), {std::llround(row.images_per_second), std::llround(row.seconds)});
  }
  return table;
}

}  // namespace

report::FigurePage training_page(const std::string& title, const std::vector<EpochRow>& rows,
                                 const std::string& verdict) {
  report::FigurePage page{title, {}, {}, {}, {}, {}};
  if (!verdict.empty()) page.notes.push_back(verdict);
  if (rows.empty()) return page;
  page.facts = {{"Epochs", std::to_string(rows.back().epoch)},
                {"Training", fmt::format("{:.0f} s", rows.back().seconds)}};
  const double none = std::numeric_limits<double>::infinity();
  report::PagePart curves{"Curves", "", {}, {}, {}};
  const std::vector<std::string> scores = score_names(rows, &EpochRow::scores);
  EpochChart of_scores(rows, "Scores", "score");
  for (size_t i = 0; i < std::min<size_t>(scores.size(), 2); ++i)
    of_scores.add(scores[i], &EpochRow::scores);  // top1 and top5, mAP and mAP@.5
  of_scores.draw("scores", curves, 1);
  EpochChart loss(rows, "Training loss", "loss");
  loss.add("loss", [](const EpochRow& row) { return std::optional(row.train_loss); });
  loss.draw("loss", curves, none);
  EpochChart parts(rows, "Parts of the loss", "loss");
  for (const std::string& name : score_names(rows, &EpochRow::loss_parts)) parts.add(name, &EpochRow::loss_parts);
  parts.draw("loss_parts", curves, none);
  EpochChart rate(rows, "Learning rate at the end of each epoch", "learning rate");
  rate.add("learning rate", [](const EpochRow& row) { return std::optional(row.lr); });
  rate.draw("lr", curves, none);
  page.parts.push_back(std::move(curves));
  page.parts.push_back({"Epochs", "", {}, {epochs_table(rows)}, {}});
  page.foot = {
      "Loss: mean over the training images of an epoch, augmented as trained. Scores are of the validation images "
      "where "
      "the best epoch is kept (--keep best), else of the test images."};
  return page;
}

void write_training_page(const std::filesystem::path& folder, const report::FigurePage& page) {
  for (const auto& [name, content] : report::files_of(page)) {
    if (name.ends_with(".svg")) write_file(folder / name, content);
  }
  write_file(folder / "training.html", report::figure_page(page));
}

}  // namespace quench::steps
