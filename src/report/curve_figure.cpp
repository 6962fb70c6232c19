#include "report/curve_figure.h"

#include <algorithm>
#include <cmath>

#include "figures/svg.h"
#include "report/figure_style.h"

namespace quench::report {
namespace {

using figures::Anchor;
using figures::Figure;
using figures::Place;

/// Draws one chart of curves.
class CurveDrawing {
 public:
  explicit CurveDrawing(const CurveChart& chart) : chart_(chart) {
    figure_.title = chart.title;
    figure_.width = 400;
    for (const double tick : chart.y.ticks) {
      left_ = std::max(left_, 27 + figures::estimated_width(tick_text(tick), kFont));
    }
  }

  Figure run() {
    layout_key();
    draw_axes();
    for (const Curve& curve : chart_.curves) draw(curve);
    if (chart_.upright) {
      const double x = place({*chart_.upright, 0}).x;
      figure_.parts.emplace_back(figures::Line{{{x, kTop}, {x, bottom_}}, 1, style::kSoft, {3, 3}});
      const bool left = x > (left_ + right()) / 2;
      text(chart_.upright_text, {left ? x - 4 : x + 4, kTop + 10}, left ? Anchor::end : Anchor::start, style::kInk);
    }
    return std::move(figure_);
  }

 private:
  static constexpr double kTop = 10, kPlotHeight = 220, kFont = 10;
  double right() const { return figure_.width - 12; }

  void text(const std::string& words, Place baseline, Anchor anchor, figures::Color color, bool upwards = false) {
    figure_.parts.emplace_back(figures::Text{words, baseline, kFont, anchor, color, false, upwards});
  }

  /// Lines of names below the plot.
  void layout_key() {
    double x = left_, y = bottom_ + 50;
    bool any = false;
    for (const Curve& curve : chart_.curves) {
      if (!curve.keyed) continue;
      const double wide = 20 + figures::estimated_width(curve.name, kFont) + 14;
      if (any && x + wide > right()) {
        x = left_;
        y += 15;
      }
      any = true;
      figure_.parts.emplace_back(
          figures::Line{{{x, y - 3.5}, {x + 15, y - 3.5}}, std::max(curve.width, 1.5), curve.color, curve.dashes});
      text(curve.name, {x + 20, y}, Anchor::start, style::kInk);
      x += wide;
    }
    figure_.height = any ? y + 8 : bottom_ + 40;
  }

  Place place(const Place& value) const {
    return {left_ + std::clamp(chart_.x.share(value.x), 0.0, 1.0) * (right() - left_),
            bottom_ - std::clamp(chart_.y.share(value.y), 0.0, 1.0) * kPlotHeight};
  }

  void draw_axes() {
    double last = -100;  // right end of the last number
    for (const double tick : chart_.x.ticks) {
      const double x = place({tick, chart_.y.low}).x;
      figure_.parts.emplace_back(figures::Line{{{x, bottom_}, {x, bottom_ + 3}}, 0.8, style::kSoft});
      const double half = figures::estimated_width(tick_text(tick), kFont) / 2;
      if (x - half < last + 4) continue;
      text(tick_text(tick), {x, bottom_ + 14}, Anchor::middle, style::kSoft);
      last = x + half;
    }
    for (const double tick : chart_.y.ticks) {
      const double y = place({chart_.x.low, tick}).y;
      figure_.parts.emplace_back(figures::Line{{{left_, y}, {right(), y}}, 0.8, style::kGrid});
      text(tick_text(tick), {left_ - 5, y + 3.5}, Anchor::end, style::kSoft);
    }
    figure_.parts.emplace_back(figures::Line{{{left_, kTop}, {left_, bottom_}, {right(), bottom_}}, 0.8, style::kSoft});
    text(chart_.x_title, {(left_ + right()) / 2, bottom_ + 30}, Anchor::middle, style::kInk);
    text(chart_.y_title, {11, kTop + kPlotHeight / 2}, Anchor::middle, style::kInk, true);
  }

  void draw(const Curve& curve) {
    figures::Line line{{}, curve.width, curve.color, curve.dashes, curve.name};
    const auto end_line = [&] {
      if (line.places.size() > 1) figure_.parts.emplace_back(line);
      line.places.clear();
    };
    for (const Place& point : curve.points) {
      if (!std::isfinite(point.y)) {
        end_line();
        continue;
      }
      line.places.push_back(place(point));
      if (curve.marked)
        figure_.parts.emplace_back(figures::Mark{figures::Shape::circle, place(point), 5, curve.color, curve.color});
    }
    end_line();
  }

  const CurveChart& chart_;
  Figure figure_;
  double left_ = 46;
  double bottom_ = kTop + kPlotHeight;
};

}  // namespace

Axis unit_axis() { return {0, 1, false, {0, 0.2, 0.4, 0.6, 0.8, 1}}; }

Figure curve_figure(const CurveChart& chart) { return CurveDrawing(chart).run(); }

}  // namespace quench::report
