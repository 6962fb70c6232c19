#include "report/chart_figure.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <optional>

#include "core/error.h"
#include "report/axis.h"
#include "report/optional_values.h"

namespace quench::report {

using figures::Anchor;
using figures::Color;
using figures::Figure;
using figures::Line;
using figures::Mark;
using figures::Place;
using figures::Shape;
using figures::Text;
using record::Record;

namespace {

constexpr Color kInk{26, 32, 44}, kSoft{90, 98, 112}, kGrid{228, 231, 236}, kPaper{255, 255, 255};
constexpr double kFont = 8, kSmall = 6.5;
constexpr double kFrontMark = 7.5, kMark = 6;

/// Okabe & Ito's colours, which stay apart under colour-blindness.
const std::map<std::string, Color>& family_colors() {
  static const std::map<std::string, Color> colors{
      {"float32", {0, 114, 178}}, {"PTQ", {213, 94, 0}}, {"QAT", {0, 158, 115}}};
  return colors;
}
constexpr std::array<Color, 5> kMoreColors{
    {{204, 121, 167}, {230, 159, 0}, {86, 180, 233}, {127, 127, 127}, {181, 164, 0}}};
const std::array<std::vector<double>, 5>& front_dashes() {
  static const std::array<std::vector<double>, 5> dashes{{{4, 2.5}, {1.5, 2}, {7, 2}, {7, 2, 1.5, 2}, {1, 1.2}}};
  return dashes;
}

struct Box {
  double left = 0, top = 0, right = 0, bottom = 0;
  bool meets(const Box& other) const {
    return left < other.right && other.left < right && top < other.bottom && other.top < bottom;
  }
  bool holds(const Box& other) const {
    return other.left >= left && other.right <= right && other.top >= top && other.bottom <= bottom;
  }
};

Box around(const Place& center, double size) {
  return {center.x - size / 2, center.y - size / 2, center.x + size / 2, center.y + size / 2};
}

/// Draws one chart.
class Drawing {
 public:
  Drawing(const Chart& chart, const std::vector<Record>& rows, Metric metric, const FigureOptions& options)
      : chart_(chart), rows_(rows), family_of_row_(families_of(rows)), metric_(metric), options_(options) {
    figure_.title = fmt::format("{} and {}", chart.heading(), title_of(metric));
    figure_.width = options.width;
    figure_.height = options.height;
    for (const ChartPoint& point : chart.points) {
      add_once(families_, family_of(point));
      add_once(models_, model_of(point));
    }
    for (const Front& front : chart.fronts) on_front_.insert(on_front_.end(), front.points.begin(), front.points.end());
  }

  Figure run() {
    layout_keys();
    choose_axes();
    draw_axes();
    draw_fronts();
    draw_points();
    draw_names();
    return std::move(figure_);
  }

 private:
  const Record& first(const ChartPoint& point) const { return rows_[point.rows.front()]; }
  const std::string& family_of(const ChartPoint& point) const { return family_of_row_[point.rows.front()]; }
  std::string method_of(const ChartPoint& point) const { return text_of(first(point).method); }
  std::string model_of(const ChartPoint& point) const { return model_name(first(point)); }
  std::string name_of(const ChartPoint& point) const {
    const std::string setting = text_of(first(point).setting);
    return method_of(point) + (setting.empty() ? "" : " " + setting);
  }
  static void add_once(std::vector<std::string>& list, const std::string& text) {
    if (std::ranges::find(list, text) == list.end()) list.push_back(text);
  }
  Color color_of(const std::string& family) const {
    if (const auto known = family_colors().find(family); known != family_colors().end()) return known->second;
    size_t place = 0;
    for (const std::string& other : families_) {
      if (other == family) break;
      if (!family_colors().contains(other)) ++place;
    }
    return kMoreColors[place % kMoreColors.size()];
  }
  Color color_of(const ChartPoint& point) const { return color_of(family_of(point)); }
  Shape shape_of(const std::string& model) const {
    const auto place = std::ranges::find(models_, model) - models_.begin();
    return static_cast<Shape>(place % figures::kShapes);
  }
  bool hollow(const ChartPoint& point) const {
    return is_forecast(first(point)) && chart_.key == "latency_forecast_ns";
  }

  double width_of(const std::string& text, double size, bool bold = false) const {
    return options_.text_width(text, size, bold);
  }
  void text(std::string words, Place baseline, double size, Anchor anchor, Color color, bool bold = false,
            bool upwards = false) {
    figure_.parts.emplace_back(Text{std::move(words), baseline, size, anchor, color, bold, upwards});
  }

  bool one_cost() const { return chart_.only_cost() && chart_.points.size() > 1; }

  /// The key of families and models, in lines from the lower border; the plot takes what is left.
  void layout_keys() {
    struct Entry {
      std::string text;
      Shape shape;
      Color color;
    };
    std::vector<Entry> entries;
    for (const std::string& family : families_) entries.push_back({family, Shape::circle, color_of(family)});
    if (models_.size() > 1) {
      for (const std::string& model : models_) entries.push_back({model, shape_of(model), kInk});
    }
    std::vector<std::vector<std::pair<double, Entry>>> lines(1);
    double x = kSide;
    for (Entry& entry : entries) {
      const double wide = 10 + width_of(entry.text, kFont) + 12;
      if (x + wide > options_.width - 4 && !lines.back().empty()) {
        lines.emplace_back();
        x = kSide;
      }
      lines.back().emplace_back(x, std::move(entry));
      x += wide;
    }
    const double line_height = 1.5 * kFont;
    for (size_t i = 0; i < lines.size(); ++i) {
      const double y = options_.height - 5 - line_height * static_cast<double>(lines.size() - 1 - i);
      for (const auto& [left, entry] : lines[i]) {
        figure_.parts.emplace_back(Mark{entry.shape, {left + 3, y - 2.8}, 6, entry.color, entry.color, 0, {}, false});
        text(entry.text, {left + 10, y}, kFont, Anchor::start, kInk);
      }
    }
    const double top = one_cost() ? 8 + 1.5 * kFont : 8;  // with room for a remark
    plot_ = {kSide, top, options_.width - 10,
             options_.height - 8 - line_height * static_cast<double>(lines.size()) - 28};
  }

  void choose_axes() {
    double low = std::numeric_limits<double>::infinity(), high = -low, least = low, most = -low;
    for (const ChartPoint& point : chart_.points) {
      low = std::min(low, point.cost_low.value_or(point.cost));
      high = std::max(high, point.cost_high.value_or(point.cost));
      least = std::min(least, point.low.value_or(point.accuracy));
      most = std::max(most, point.high.value_or(point.accuracy));
    }
    const bool wide = low > 0 && high / low > 6;
    if (options_.axis == CostAxis::logarithmic && low <= 0) {
      fail(ErrorKind::config, "[report] expected costs above 0 for a logarithmic axis, got {} ({})", low,
           chart_.heading());
    }
    const bool logarithmic = options_.axis == CostAxis::logarithmic || (options_.axis == CostAxis::automatic && wide);
    cost_ =
        logarithmic ? logarithmic_axis(low, high) : linear_axis(low, high, 7, std::numeric_limits<double>::infinity());
    accuracy_ = linear_axis(least, most, 8, 100);
  }

  Place place(double cost, double accuracy) const {
    return {plot_.left + cost_.share(cost) * (plot_.right - plot_.left),
            plot_.bottom - accuracy_.share(accuracy) * (plot_.bottom - plot_.top)};
  }
  Place place(const ChartPoint& point) const { return place(point.cost, point.accuracy); }

  void draw_axes() {
    double last = -std::numeric_limits<double>::infinity();  // right end of the last text
    for (const double tick : cost_.ticks) {
      const double x = place(tick, accuracy_.low).x;
      figure_.parts.emplace_back(Line{{{x, plot_.bottom}, {x, plot_.bottom + 3}}, 0.6, kSoft, {}});
      const double wide = width_of(tick_text(tick), kFont);
      if (x - wide / 2 < last + 4) continue;
      text(tick_text(tick), {x, plot_.bottom + 12}, kFont, Anchor::middle, kSoft);
      last = x + wide / 2;
    }
    for (const double tick : accuracy_.ticks) {
      const double y = place(cost_.low, tick).y;
      figure_.parts.emplace_back(Line{{{plot_.left, y}, {plot_.right, y}}, 0.5, kGrid, {}});
      text(tick_text(tick), {plot_.left - 4, y + 2.8}, kFont, Anchor::end, kSoft);
    }
    figure_.parts.emplace_back(
        Line{{{plot_.left, plot_.top}, {plot_.left, plot_.bottom}, {plot_.right, plot_.bottom}}, 0.8, kSoft, {}});
    const std::string unit = chart_.unit.empty() ? "" : " (" + chart_.unit + ")";
    if (one_cost()) {
      text("All points cost the same: this chart does not tell them apart.", {plot_.left + 4, plot_.top - 4}, kSmall,
           Anchor::start, kSoft);
    }
    text(chart_.heading() + unit, {(plot_.left + plot_.right) / 2, plot_.bottom + 24}, kFont, Anchor::middle, kInk);
    text(fmt::format("{} (%)", title_of(metric_)), {10, (plot_.top + plot_.bottom) / 2}, kFont, Anchor::middle, kInk,
         false, true);
  }

  void draw_fronts() {
    size_t drawn = 0;
    for (const Front& front : chart_.fronts) {
      if (front.points.empty()) continue;
      Line line{{}, 0.9, kSoft, front_dashes()[drawn++ % front_dashes().size()]};
      for (const size_t i : front.points) {
        const Place at = place(chart_.points[i]);
        if (!line.places.empty()) line.places.push_back({at.x, line.places.back().y});
        line.places.push_back(at);
      }
      if (chart_.fronts.size() == 1) line.places.push_back({plot_.right, line.places.back().y});
      for (size_t i = 1; i < line.places.size(); ++i) add_line(line.places[i - 1], line.places[i]);
      if (line.places.size() > 1) figure_.parts.emplace_back(std::move(line));
    }
  }

  /// What names should rather not cross.
  void add_line(const Place& a, const Place& b) {
    lines_.push_back(
        {std::min(a.x, b.x) - 0.5, std::min(a.y, b.y) - 0.5, std::max(a.x, b.x) + 0.5, std::max(a.y, b.y) + 0.5});
  }

  bool on_front(size_t point) const { return std::ranges::find(on_front_, point) != on_front_.end(); }

  void draw_points() {
    for (const ChartPoint& point : chart_.points) {
      const Color color = color_of(point);
      const Color pale{static_cast<uint8_t>((color.red + 255) / 2), static_cast<uint8_t>((color.green + 255) / 2),
                       static_cast<uint8_t>((color.blue + 255) / 2)};
      const auto whisker = [&](const Place& from, const Place& to) {
        figure_.parts.emplace_back(Line{{from, to}, 0.9, pale, {}});
        add_line(from, to);
      };
      if (point.low && point.high) whisker(place(point.cost, *point.low), place(point.cost, *point.high));
      if (point.cost_low && point.cost_high) {
        whisker(place(*point.cost_low, point.accuracy), place(*point.cost_high, point.accuracy));
      }
    }
    for (const bool front : {false, true}) {
      for (size_t i = 0; i < chart_.points.size(); ++i) {
        if (on_front(i) != front) continue;
        const ChartPoint& point = chart_.points[i];
        const Color color = color_of(point);
        Mark mark{shape_of(model_of(point)),
                  place(point),
                  front ? kFrontMark : kMark,
                  color,
                  hollow(point) ? color : kInk,
                  0,
                  {},
                  hollow(point)};
        if (hollow(point)) mark.edge_width = 1.2;
        if (front || point.near_front) mark.edge_width = 0.9;
        if (point.near_front) mark.dashes = {1.4, 1.4};
        figure_.parts.emplace_back(std::move(mark));
      }
    }
  }

  /// Names where they cover no mark, no other name and no border: above, below, right or left of their point, or at a
  /// corner.
  void draw_names() {
    std::vector<Box> taken;
    for (size_t i = 0; i < chart_.points.size(); ++i) {
      taken.push_back(around(place(chart_.points[i]), on_front(i) ? kFrontMark : kMark));
    }
    std::vector<size_t> order;
    for (const bool front : {true, false}) {
      for (size_t i = 0; i < chart_.points.size(); ++i) {
        if (on_front(i) == front) order.push_back(i);
      }
    }
    for (const size_t i : order) {
      const std::string name = name_of(chart_.points[i]);
      const Place at = place(chart_.points[i]);
      const double wide = width_of(name, kSmall), high = kSmall, gap = kFrontMark / 2 + 2;
      const Box places[] = {
          {at.x - wide / 2, at.y - gap - high, at.x + wide / 2, at.y - gap},
          {at.x - wide / 2, at.y + gap, at.x + wide / 2, at.y + gap + high},
          {at.x + gap, at.y - high / 2, at.x + gap + wide, at.y + high / 2},
          {at.x - gap - wide, at.y - high / 2, at.x - gap, at.y + high / 2},
          {at.x + gap, at.y - gap - high, at.x + gap + wide, at.y - gap},
          {at.x + gap, at.y + gap, at.x + gap + wide, at.y + gap + high},
          {at.x - gap - wide, at.y - gap - high, at.x - gap, at.y - gap},
          {at.x - gap - wide, at.y + gap, at.x - gap, at.y + gap + high},
      };
      const auto fits = [&](const Box& box, bool on_lines) {
        const auto free_of = [&](const std::vector<Box>& others) {
          return std::ranges::none_of(others, [&](const Box& other) { return box.meets(other); });
        };
        return plot_.holds(box) && free_of(taken) && (on_lines || free_of(lines_));
      };
      const Box* place = nullptr;  // rather where no line is crossed
      for (const bool on_lines : {false, true}) {
        for (const Box& box : places) {
          if (place == nullptr && fits(box, on_lines)) place = &box;
        }
      }
      if (place == nullptr) continue;
      taken.push_back(*place);
      text(name, {place->left, place->bottom - 0.2 * high}, kSmall, Anchor::start, kSoft);
    }
  }

  static constexpr double kSide = 42;  ///< left of the plot: its numbers and title

  const Chart& chart_;
  const std::vector<Record>& rows_;
  std::vector<std::string> family_of_row_;
  Metric metric_;
  const FigureOptions& options_;
  Figure figure_;
  std::vector<std::string> families_, models_;
  std::vector<size_t> on_front_;
  std::vector<Box> lines_;
  Box plot_;
  Axis cost_, accuracy_;
};

}  // namespace

Figure chart_figure(const Chart& chart, const std::vector<Record>& rows, Metric metric, const FigureOptions& options) {
  ensure(!chart.points.empty(), "[report] expected a chart with points, got none ({})", chart.key);
  return Drawing(chart, rows, metric, options).run();
}

}  // namespace quench::report
