// Charts as drawings, tables as LaTeX, papers as BibTeX.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "error_testing.h"
#include "figures/writer.h"
#include "report/axis.h"
#include "report/bibliography.h"
#include "report/chart_figure.h"
#include "report/columns.h"
#include "report/method_groups.h"
#include "report/report.h"
#include "report_samples.h"

namespace quench::report {
namespace {

using figures::Figure;
using figures::Line;
using figures::Mark;
using figures::Text;
using record::Record;

/// Every letter is half as wide as high.
FigureOptions drawing() {
  FigureOptions options;
  options.text_width = [](const std::string& text, double size, bool) {
    return 0.5 * size * static_cast<double>(text.size());
  };
  return options;
}

template <typename Part>
std::vector<Part> parts_of(const Figure& figure) {
  std::vector<Part> out;
  for (const auto& part : figure.parts) {
    if (const Part* one = std::get_if<Part>(&part)) out.push_back(*one);
  }
  return out;
}

Figure latency_figure(const std::vector<Record>& rows, const FigureOptions& options = drawing()) {
  const std::vector<Chart> all = charts(rows, Metric::top1);
  return chart_figure(all.at(3), rows, Metric::top1, options);
}

/// Left, top, right, bottom of a text that is read from left to right.
std::array<double, 4> box_of(const Text& text) {
  const double wide = 0.5 * text.size * static_cast<double>(text.text.size());
  const double left = text.baseline.x - (text.anchor == figures::Anchor::start    ? 0
                                         : text.anchor == figures::Anchor::middle ? wide / 2
                                                                                  : wide);
  return {left, text.baseline.y - 0.75 * text.size, left + wide, text.baseline.y};
}

TEST(ChartFigure, PutsPointsWhereTheyBelong) {
  const std::vector<Record> rows = ok_records(sample_records());
  const Figure figure = latency_figure(rows);
  std::vector<Mark> marks = parts_of<Mark>(figure);
  const auto keys = std::ranges::count_if(marks, [](const Mark& mark) { return mark.center.y > 250; });
  EXPECT_EQ(keys, 3 + 2) << "methods and models";
  ASSERT_EQ(marks.size(), rows.size() + 5);
  // Linear in cost and accuracy: any three points of one cost or of one accuracy ratio agree.
  const std::vector<Chart> all = charts(rows, Metric::top1);
  const Chart& chart = all[3];
  std::vector<std::pair<double, double>> places;
  for (const Mark& mark : marks) {
    if (mark.center.y <= 250) places.emplace_back(mark.center.x, mark.center.y);
  }
  std::ranges::sort(places);
  std::vector<std::pair<double, double>> points;
  for (const ChartPoint& point : chart.points) points.emplace_back(std::log(point.cost), -point.accuracy);
  std::ranges::sort(points);
  const double scale = (places.back().first - places.front().first) / (points.back().first - points.front().first);
  for (size_t i = 0; i < places.size(); ++i) {
    EXPECT_NEAR(places[i].first, places.front().first + scale * (points[i].first - points.front().first), 1e-6);
  }
}

TEST(ChartFigure, NamesCoverNeitherMarksNorNames) {
  std::vector<Record> rows = ok_records(sample_records());
  for (size_t i = 0; i < 40; ++i) {  // a crowd
    Record row = rows[i % 9];
    row.setting = "setting" + std::to_string(i);
    row.latency_p50_ns = 400000 + 7000 * static_cast<int64_t>(i);
    row.top1 = 0.6 + 0.002 * static_cast<double>((i * 7) % 23);
    rows.push_back(row);
  }
  const Figure figure = latency_figure(rows);
  std::vector<Text> names;
  for (const Text& text : parts_of<Text>(figure)) {
    if (text.size == 6.5) names.push_back(text);
  }
  EXPECT_GT(names.size(), 10u);
  EXPECT_LT(names.size(), rows.size()) << "there is no room for all";
  const auto meet = [](const std::array<double, 4>& a, const std::array<double, 4>& b) {
    return a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];
  };
  for (size_t i = 0; i < names.size(); ++i) {
    EXPECT_GE(box_of(names[i])[0], 0);
    EXPECT_LE(box_of(names[i])[2], figure.width);
    for (size_t j = 0; j < i; ++j) EXPECT_FALSE(meet(box_of(names[i]), box_of(names[j]))) << names[i].text;
    for (const Mark& mark : parts_of<Mark>(figure)) {
      const double r = mark.size / 2;
      EXPECT_FALSE(meet(box_of(names[i]), {mark.center.x - r, mark.center.y - r, mark.center.x + r, mark.center.y + r}))
          << names[i].text;
    }
  }
}

TEST(ChartFigure, TheIntervalOfAForecastIsALineAcross) {
  const std::vector<Record> rows = ok_records(sample_records());
  Chart chart = charts(rows, Metric::top1).at(3);
  const auto across = [&] {
    const auto lines = parts_of<Line>(chart_figure(chart, rows, Metric::top1, drawing()));
    return std::ranges::count_if(lines, [](const Line& line) {
      return line.places.size() == 2 && line.places[0].y == line.places[1].y && line.width == 0.9 &&
             line.dashes.empty();
    });
  };
  EXPECT_EQ(across(), 0);
  chart.points[0].cost_low = chart.points[0].cost / 2;
  chart.points[0].cost_high = chart.points[0].cost * 100;
  EXPECT_EQ(across(), 1);
  for (const Line& line : parts_of<Line>(chart_figure(chart, rows, Metric::top1, drawing()))) {
    for (const auto& place : line.places) EXPECT_LE(place.x, drawing().width) << "the axis has room for it";
  }
}

TEST(ChartFigure, TheFrontIsStepsThroughItsPoints) {
  const std::vector<Record> rows = ok_records(sample_records());
  const Figure figure = latency_figure(rows);
  const std::vector<Chart> all = charts(rows, Metric::top1);
  const auto lines = parts_of<Line>(figure);
  const auto front = std::ranges::find_if(lines, [](const Line& line) { return !line.dashes.empty(); });
  ASSERT_NE(front, lines.end());
  EXPECT_EQ(front->places.size(), 2 * all[3].fronts[0].points.size());
  for (size_t i = 1; i < front->places.size(); ++i) {
    const bool level = front->places[i].y == front->places[i - 1].y,
               upright = front->places[i].x == front->places[i - 1].x;
    EXPECT_TRUE(level || upright);
  }
}

TEST(ChartFigure, AxesAreAsAskedFor) {
  std::vector<Record> rows = ok_records(sample_records());
  FigureOptions options = drawing();
  options.axis = CostAxis::logarithmic;
  EXPECT_NO_THROW(latency_figure(rows, options));
  rows[0].latency_p50_ns = 0;
  const auto [kind, text] = error_of([&] { latency_figure(rows, options); });
  EXPECT_EQ(kind, ErrorKind::config);
  EXPECT_NE(text.find("logarithmic"), std::string::npos) << text;
}

TEST(Axis, ANarrowLogarithmicAxisHasMarks) {
  const Axis axis = logarithmic_axis(0.0292, 0.0331);  // neither 0.02 nor 0.05 is near
  EXPECT_TRUE(axis.logarithmic);
  ASSERT_GE(axis.ticks.size(), 3u);
  for (const double tick : axis.ticks) EXPECT_TRUE(tick >= axis.low && tick <= axis.high) << tick;
}

// Means of equal costs differ in their last digits.
TEST(Axis, EqualButForRoundingIsOneValue) {
  const double cost = 0.0292, next = std::nextafter(cost, 1);
  for (const Axis& axis : {linear_axis(cost, next, 6, 100), logarithmic_axis(cost, next)}) {
    EXPECT_GE(axis.ticks.size(), 2u);
    EXPECT_LE(axis.ticks.size(), 20u);
    EXPECT_NEAR(axis.share(cost), 0.5, 0.2);
  }
}

TEST(ChartFigure, SaysThatAllPointsCostTheSame) {
  std::vector<Record> rows = ok_records(sample_records());
  const auto says = [&] {
    const std::vector<Chart> all = charts(rows, Metric::top1);
    const std::vector<Text> texts = parts_of<Text>(chart_figure(all[0], rows, Metric::top1, drawing()));
    return std::ranges::any_of(texts,
                               [](const Text& text) { return text.text.starts_with("All points cost the same"); });
  };
  EXPECT_FALSE(says());
  for (Record& row : rows) row.gflops = 0.03;
  EXPECT_TRUE(says());
}

TEST(ChartFigure, FamiliesOfMethodsHaveAColour) {
  Record record;
  record.method = "fp32";
  EXPECT_EQ(family_of(record), "float32");
  record.method = "half";
  EXPECT_EQ(family_of(record), "trained further");
  record.config = Json{{"steps", {{{"prune", Json::object()}}, {{"finetune", Json::object()}}}}};
  EXPECT_EQ(family_of(record), "pruned");
  record.config["steps"].push_back({{"quantize", Json::object()}});
  record.bits_w = 8;
  EXPECT_EQ(family_of(record), "pruned + PTQ");
  record.config["steps"].push_back({{"finetune", Json::object()}});
  record.bits_w = 4;
  EXPECT_EQ(family_of(record), "pruned + QAT below 8 bits");
}

TEST(Axis, MarksRoundNumbers) {
  const Axis linear = linear_axis(61.2, 66.9, 8, 100);
  for (const double tick : linear.ticks) EXPECT_EQ(tick, std::round(tick));
  EXPECT_GE(linear.ticks.size(), 4u);
  EXPECT_LE(linear_axis(99.5, 100, 6, 100).high, 100);
  EXPECT_GE(linear_axis(0.001, 3, 6, 100).low, 0);
  const Axis one = linear_axis(0.0292, 0.0292, 6, std::numeric_limits<double>::infinity());
  EXPECT_NEAR(one.share(0.0292), 0.5, 1e-9);
  const Axis log = logarithmic_axis(0.3, 47);
  EXPECT_EQ(log.ticks.front(), 0.5);
  EXPECT_NEAR(log.ticks.back(), 50, 1e-9);
  EXPECT_NEAR(log.share(std::sqrt(0.3 * 47)), 0.5, 1e-9);
  EXPECT_EQ(tick_text(0.1 + 0.2), "0.3");
  EXPECT_EQ(tick_text(-1e-17), "0");
}

TEST(Figures, AreFilesOfTheirFormat) {
  const std::vector<Record> rows = ok_records(sample_records());
  const figures::Writer* writer = nullptr;
  try {
    writer = &figures::writer();
  } catch (const Error& error) {
    ASSERT_EQ(error.kind(), ErrorKind::unsupported);
    GTEST_SKIP() << error.what();
  }
  FigureOptions options;
  options.text_width = writer->text_width;
  EXPECT_GT(writer->text_width("wide", 8, false), writer->text_width("i", 8, false));
  const Figure figure = latency_figure(rows, options);
  const std::string svg = writer->svg(figure), pdf = writer->pdf(figure);
  EXPECT_TRUE(svg.starts_with("<?xml")) << svg.substr(0, 40);
  EXPECT_NE(svg.find("width=\"360"), std::string::npos);
  EXPECT_NE(svg.find("</svg>"), std::string::npos);
  EXPECT_TRUE(pdf.starts_with("%PDF-"));
  EXPECT_NE(pdf.find("%%EOF"), std::string::npos);
}

TEST(Latex, IsATableOfTheColumnsThatAreAskedFor) {
  std::vector<Record> records = sample_records();
  records[2].setting = "a_b & 50%";
  const std::string text = latex(records, {"Model", "setting", "Top-1", "Delta"});
  EXPECT_NE(text.find("\\begin{tabular}{llrr}"), std::string::npos) << text;
  EXPECT_NE(text.find("Model & Setting & Top-1 & Delta \\\\\n &  & \\% & pt \\\\\n"), std::string::npos) << text;
  EXPECT_NE(text.find("yolov5n-cls & a\\_b \\& 50\\% & 64.36 & $-$1.45 \\\\"), std::string::npos) << text;
  EXPECT_NE(text.find("\\bottomrule"), std::string::npos);
  records[0].artifact = "artifacts/a.onnx";
  const std::string all = latex(records);
  EXPECT_EQ(all.find("Artifact"), std::string::npos) << "no room in a paper";
  EXPECT_NE(latex(records, {"Artifact"}).find("artifacts/a.onnx"), std::string::npos);
  EXPECT_NE(all.find("& 64.87--66.73 &"), std::string::npos) << all;
  EXPECT_NE(all.find("$\\times$"), std::string::npos) << all;
  const auto [kind, said] = error_of([&] { latex(records, {"Modell"}); });
  EXPECT_EQ(kind, ErrorKind::config);
  EXPECT_NE(said.find("'Model', "), std::string::npos) << said;
  EXPECT_NE(said.find("'Modell'"), std::string::npos) << said;
  EXPECT_EQ(error_of([&] { latex(records, {"Model", "model"}); }).first, ErrorKind::config);
  EXPECT_NE(markdown(records, {"Top-1", "Model"}).find("| Top-1 % | Model |"), std::string::npos);
  EXPECT_NE(table(records, {"Data", "Model"}).find("cifar100"), std::string::npos) << "what all share can be named";
}

TEST(Bibtex, HasThePapersOfTheMethods) {
  std::vector<Record> records = sample_records();
  const std::string plain = bibtex(records);
  for (const char* key : {"jocher2020", "jocher2023", "krizhevsky2009", "gholami2021", "jacob2018", "bengio2013"}) {
    EXPECT_NE(plain.find(std::string("{") + key + ","), std::string::npos) << key;
  }
  EXPECT_EQ(plain.find("nagel2020"), std::string::npos);
  records[0].config = Json::parse(R"({"steps": [{"prune": {"criterion": "fpgm"}},
      {"finetune": {"teacher": "original", "distill": "both"}}, {"quantize": {"levels": "pot"}},
      {"adaround": {"unit": "block", "drop": 0.5}}, {"finetune": {"estimator": "ewgs", "damping": 0.1}}]})");
  const std::string text = bibtex(records);
  for (const char* key : {"he2019", "hinton2015", "shu2021", "zhou2017", "miyashita2016", "nagel2020", "li2021",
                          "wei2022", "lee2021ewgs", "nagel2022", "esser2020"}) {
    EXPECT_NE(text.find(std::string("{") + key + ","), std::string::npos) << key;
    EXPECT_EQ(text.find(std::string("{") + key + ","), text.rfind(std::string("{") + key + ",")) << "once";
  }
  EXPECT_EQ(std::ranges::count(text, '{'), std::ranges::count(text, '}'));
}

}  // namespace
}  // namespace quench::report
