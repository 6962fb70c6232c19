#include "report/layer_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "core/escape_html.h"
#include "report/asset.h"
#include "report/html_element.h"
#include "report/html_section.h"
#include "report/page_head.h"

namespace quench::report {
namespace {

std::optional<double> number_in(const std::string& text) {
  double value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  return code == std::errc() && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

/// Columns in which every cell but the head is a number or empty.
std::vector<bool> numeric_columns(const std::vector<std::vector<std::string>>& rows) {
  std::vector<bool> numeric(rows.front().size(), true);
  for (size_t r = 1; r < rows.size(); ++r) {
    for (size_t c = 0; c < numeric.size(); ++c) {
      if (!rows[r][c].empty() && !number_in(rows[r][c])) numeric[c] = false;
    }
  }
  return numeric;
}

std::string table_html(const std::vector<std::vector<std::string>>& rows) {
  const std::vector<bool> numeric = numeric_columns(rows);
  std::string out = "<div class=\"scroll\">\n<table class=\"sortable\">\n<thead><tr>";
  for (size_t c = 0; c < numeric.size(); ++c) {
    out += element("th", numeric[c] ? "scope=\"col\" class=\"number\"" : "scope=\"col\"", rows[0][c]);
  }
  out += "</tr></thead>\n<tbody>\n";
  for (size_t r = 1; r < rows.size(); ++r) {
    out += "<tr>";
    for (size_t c = 0; c < numeric.size(); ++c) {
      const std::optional<double> value = numeric[c] ? number_in(rows[r][c]) : std::nullopt;
      std::string attributes = numeric[c] ? "class=\"number\"" : "";
      if (value) attributes += fmt::format(" data-value=\"{}\"", *value);
      out += element("td", attributes, rows[r][c].empty() ? "-" : rows[r][c]);
    }
    out += "</tr>\n";
  }
  return out + "</tbody>\n</table>\n</div>\n";
}

Json plot_json(const LayerPage& page) {
  Json plots = Json::array();
  for (const LayerPlot& plot : page.plots) {
    Json series = Json::array();
    for (const LayerSeries& one : plot.series) {
      Json values = Json::array();
      for (const auto& value : one.values) {
        const bool shown = value && (!plot.logarithmic || *value > 0);
        values.push_back(shown ? Json(*value) : Json());
      }
      series.push_back({{"name", one.name}, {"values", values}});
    }
    plots.push_back(
        {{"title", plot.title}, {"unit", plot.unit}, {"logarithmic", plot.logarithmic}, {"series", series}});
  }
  return {{"layers", page.layers}, {"plots", plots}};
}

std::string plots_html(const LayerPage& page) {
  std::string out =
      fmt::format("<script type=\"application/json\" class=\"layer-data\">{}</script>\n", script_json(plot_json(page)));
  for (size_t i = 0; i < page.plots.size(); ++i) {
    out += "<figure class=\"layers\">" + element("figcaption", "", page.plots[i].title) +
           fmt::format("<div class=\"layer-plot\" role=\"img\" aria-label=\"{}\" data-plot=\"{}\"></div></figure>\n",
                       escape_html(page.plots[i].title), i);
  }
  return out;
}

}  // namespace

std::string layer_page(const LayerPage& page) {
  const bool with_plots = !asset::echarts().empty() && !page.layers.empty();
  std::string out = page_head(page.title) + fmt::format("<main>\n<header>\n<h1>{}</h1>\n", escape_html(page.title));
  out += "<dl class=\"provenance\">\n";
  for (const auto& [name, text] : page.facts) {
    out += fmt::format("<div><dt>{}</dt><dd>{}</dd></div>\n", escape_html(name), escape_html(text));
  }
  out += "</dl>\n";
  if (!page.notes.empty()) {
    out += "<ul class=\"notes\">\n";
    for (const std::string& note : page.notes) out += element("li", "", note) + "\n";
    out += "</ul>\n";
  }
  out += "</header>\n<section>\n";
  if (with_plots) out += plots_html(page);
  if (page.rows.size() > 1) out += table_html(page.rows);
  out += "</section>\n</main>\n";
  if (with_plots) {
    out += fmt::format("<script>\n{}\n</script>\n<script>\n{}</script>\n", asset::echarts(), asset::layer_script());
  }
  return out + fmt::format("<script>\n{}</script>\n</body>\n</html>\n", asset::page_script());
}

}  // namespace quench::report
