// Pages of drawings, tables and pictures, and the drawings themselves.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/base64.h"
#include "figures/svg.h"
#include "html_parsing.h"
#include "report/curve_figure.h"
#include "report/figure_page.h"
#include "report/figure_style.h"
#include "report/matrix_figure.h"

namespace quench::report {
namespace {

using quench::testing::parse;
using quench::testing::Parsed;

template <typename Part>
std::vector<Part> parts_of(const figures::Figure& figure) {
  std::vector<Part> out;
  for (const auto& part : figure.parts) {
    if (const Part* one = std::get_if<Part>(&part)) out.push_back(*one);
  }
  return out;
}

CurveChart chart() {
  const double none = std::numeric_limits<double>::quiet_NaN();
  return {"F1 over confidence",
          "confidence",
          "F1",
          unit_axis(),
          unit_axis(),
          {{"cat", {{0, 0}, {0.5, 1}, {1, 0.5}}, style::kCurves[0]},
           {"dog", {{0, 0}, {0.1, 0.2}, {0.5, none}, {0.8, 1}, {1, 2}}, style::kCurves[1]}},
          0.25,
          "0.250"};
}

FigurePage sample(const std::string& text) {
  FigurePage page{text, {{text, text}}, {text}, {{text, "56.3 %", text}}, {}, {text}};
  page.parts.push_back({text,
                        text,
                        {{"f1_curve", curve_figure(chart()), text},
                         {"confusion", matrix_figure({text, text, text, {text, "b"}, {3, 1, 0, 2}}), text, true}},
                        {{"classes", text, text, {{text, "AP"}, {text, 0.25}, {"dog", nullptr}}}},
                        {{{{text, "\xff\xd8jpeg"}}, text}}});
  page.parts.push_back({"Empty", "nothing is here", {}, {}, {}});
  return page;
}

TEST(FigurePage, IsWellFormedAndFetchesNothing) {
  const std::string text = figure_page(sample("yolov5n on coco128"));
  const Parsed page = parse(text);
  EXPECT_EQ(page.fault, "");
  EXPECT_EQ(text.find("http:"), std::string::npos);
  EXPECT_EQ(text.find("https:"), std::string::npos);
  EXPECT_EQ(text.find("url("), std::string::npos);
  EXPECT_NE(text.find("default-src 'none'"), std::string::npos);
  int pictures = 0;
  for (const std::string& attribute : page.attributes) {
    EXPECT_FALSE(attribute.starts_with("href=")) << attribute;
    if (!attribute.starts_with("src=")) continue;
    EXPECT_TRUE(attribute.starts_with("src=\"data:image/jpeg;base64,")) << attribute;
    ++pictures;
  }
  EXPECT_EQ(pictures, 1);
  EXPECT_EQ(page.text.find("Empty"), std::string::npos) << "parts without content are left out";
}

TEST(FigurePage, HostileTextStaysText) {
  const std::string evil = "</script><script>alert(1)</script><b a='\"'>&amp;<!-- \x01 \xff";
  const Parsed page = parse(figure_page(sample(evil)));
  EXPECT_EQ(page.fault, "");
  EXPECT_EQ(page.scripts.size(), 1u);
  EXPECT_NE(page.text.find("&lt;script&gt;alert(1)"), std::string::npos);
}

TEST(FigurePage, FilesAreEveryDrawingAndTable) {
  const std::vector<NamedFile> files = files_of(sample("a, b"));
  ASSERT_EQ(files.size(), 3u);
  EXPECT_EQ(files[0].first, "f1_curve.svg");
  EXPECT_EQ(files[1].first, "confusion.svg");
  EXPECT_EQ(files[2], (NamedFile{"classes.csv", "\"a, b\",AP\r\n\"a, b\",0.25\r\ndog,\r\n"}));
  for (const size_t svg : {0u, 1u}) {
    EXPECT_TRUE(files[svg].second.starts_with("<?xml"));
    EXPECT_EQ(parse(files[svg].second).fault, "");
    EXPECT_EQ(files[svg].second.find("var("), std::string::npos) << "a file has no page whose colours it could follow";
  }
}

TEST(FigurePage, ShowsWhatIsNotDefinedAsADash) {
  const std::string text = figure_page(sample("x"));
  EXPECT_NE(text.find("<td>dog</td><td class=\"number\">-</td>"), std::string::npos);
  EXPECT_NE(text.find("<td class=\"number\" data-value=\"0.25\">0.2500</td>"), std::string::npos);
}

TEST(CurveFigure, PutsPointsWhereTheyBelongAndBreaksWhereThereIsNone) {
  const figures::Figure figure = curve_figure(chart());
  std::vector<figures::Line> cat, dog;
  for (const figures::Line& line : parts_of<figures::Line>(figure)) {
    if (line.note == "cat") cat.push_back(line);
    if (line.note == "dog") dog.push_back(line);
  }
  ASSERT_EQ(cat.size(), 1u);
  ASSERT_EQ(dog.size(), 2u) << "before and after the gap";
  const auto& p = cat[0].places;
  ASSERT_EQ(p.size(), 3u);
  EXPECT_NEAR(p[1].x, (p[0].x + p[2].x) / 2, 1e-9);
  EXPECT_NEAR(p[2].y, (p[0].y + p[1].y) / 2, 1e-9);
  EXPECT_LT(p[1].y, p[0].y) << "upwards";
  EXPECT_NEAR(dog[1].places[1].y, p[1].y, 1e-9) << "what lies beyond the axis is drawn at its end";
  for (const figures::Text& text : parts_of<figures::Text>(figure)) {
    EXPECT_LE(text.baseline.y, figure.height) << text.text;
    EXPECT_LE(text.baseline.x, figure.width) << text.text;
  }
}

TEST(MatrixFigure, CellsAreSharesOfTheirRow) {
  const figures::Figure figure = matrix_figure({"Confusion", "true", "predicted", {"a", "b"}, {3, 1, 0, 2}});
  const auto cells = parts_of<figures::Area>(figure);
  ASSERT_EQ(cells.size(), 3u) << "empty ones stay empty";
  EXPECT_LT(cells[1].opacity, cells[0].opacity);
  EXPECT_EQ(cells[2].opacity, 1);
  EXPECT_EQ(cells[0].note, "true: a, predicted: a. 3 of 4 (75.0 %)");
  EXPECT_GT(cells[2].corner.x, cells[0].corner.x);
  EXPECT_GT(cells[2].corner.y, cells[0].corner.y);
  std::vector<std::string> texts;
  for (const figures::Text& text : parts_of<figures::Text>(figure)) texts.push_back(text.text);
  for (const char* wanted : {"3", "1", "2", "a", "b", "true", "predicted"}) {
    EXPECT_TRUE(std::ranges::count(texts, wanted) > 0) << wanted;
  }
}

TEST(MatrixFigure, AHundredClassesHaveRoomForTheirNames) {
  Matrix matrix{"Confusion", "true", "predicted", {}, std::vector<int64_t>(10000, 0)};
  for (int i = 0; i < 100; ++i) {
    matrix.names.push_back("a class with a name of thirty " + std::to_string(i));
    matrix.counts[static_cast<size_t>(101 * i)] = 5;
  }
  const figures::Figure figure = matrix_figure(matrix);
  std::vector<double> rows;
  for (const figures::Text& text : parts_of<figures::Text>(figure)) {
    if (text.upwards || text.anchor != figures::Anchor::end) continue;
    EXPECT_GE(text.size, 9);
    rows.push_back(text.baseline.y);
  }
  ASSERT_EQ(rows.size(), 100u);
  for (size_t i = 1; i < rows.size(); ++i) EXPECT_GE(rows[i] - rows[i - 1], 9 * 1.1) << "names do not touch";
  EXPECT_LT(figure.width, 1380) << "fits into a page";
}

TEST(Svg, NamedColoursFollowThePage) {
  figures::Figure figure{"Lines & areas", 10, 10, {}};
  figure.parts.emplace_back(figures::Line{{{0, 0}, {10, 5}}, 1, style::kInk, {2, 1}, "a < b"});
  figure.parts.emplace_back(figures::Mark{figures::Shape::diamond, {5, 5}, 4, style::kCurves[0], style::kInk, 1});
  const std::string page = figures::svg(figure, style::page_colors()), file = figures::svg(figure);
  EXPECT_NE(page.find("stroke:var(--ink)"), std::string::npos);
  EXPECT_EQ(page.find("http"), std::string::npos);
  EXPECT_NE(page.find("<title>a &lt; b</title>"), std::string::npos);
  EXPECT_NE(page.find("#0072b2"), std::string::npos) << "a colour without a name is as it is";
  EXPECT_EQ(file.find("var("), std::string::npos);
  EXPECT_NE(file.find("xmlns=\"http://www.w3.org/2000/svg\""), std::string::npos);
}

TEST(Base64, TheVectorsOfItsStandard) {  // RFC 4648, section 10
  const std::pair<const char*, const char*> cases[] = {{"", ""},
                                                       {"f", "Zg=="},
                                                       {"fo", "Zm8="},
                                                       {"foo", "Zm9v"},
                                                       {"foob", "Zm9vYg=="},
                                                       {"fooba", "Zm9vYmE="},
                                                       {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : cases) EXPECT_EQ(base64(bytes), text);
  EXPECT_EQ(base64(std::string("\xff\xfe\x00", 3)), "//4A");
}

}  // namespace
}  // namespace quench::report
