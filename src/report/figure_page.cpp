#include "report/figure_page.h"

#include <fmt/format.h>

#include <cmath>

#include "core/base64.h"
#include "core/csv.h"
#include "core/escape_html.h"
#include "figures/svg.h"
#include "report/asset.h"
#include "report/figure_style.h"
#include "report/html_element.h"
#include "report/page_head.h"

namespace quench::report {
namespace {

/// Columns in which every cell but the head is a number or null, and at least one is a number.
std::vector<bool> columns_of_numbers(const PageTable& table) {
  std::vector<bool> numeric(table.rows.front().size(), false);
  for (size_t c = 0; c < numeric.size(); ++c) {
    for (size_t r = 1; r < table.rows.size(); ++r) {
      const Json& cell = table.rows[r][c];
      numeric[c] = cell.is_number() || (numeric[c] && cell.is_null());
      if (!cell.is_number() && !cell.is_null()) break;
      numeric[c] = true;
    }
  }
  return numeric;
}

std::string shown_text(const Json& cell) {
  if (cell.is_null()) return "-";
  if (cell.is_string()) return cell.get<std::string>();
  if (!cell.is_number_float()) return cell.dump();
  const double value = cell.get<double>();
  return value != 0 && std::abs(value) < 1e-3 ? fmt::format("{:.3g}", value) : fmt::format("{:.4f}", value);
}

std::string table_element(const PageTable& table) {
  const std::vector<bool> numeric = columns_of_numbers(table);
  std::string out;
  if (!table.title.empty()) out += element("h3", "", table.title) + "\n";
  if (!table.note.empty()) out += element("p", "class=\"said\"", table.note) + "\n";
  out += "<div class=\"scroll\">\n<table class=\"sortable\" data-example=\"words\">\n<thead><tr>";
  for (size_t c = 0; c < numeric.size(); ++c) {
    out += element("th", numeric[c] ? "scope=\"col\" class=\"number\"" : "scope=\"col\"", shown_text(table.rows[0][c]));
  }
  out += "</tr></thead>\n<tbody>\n";
  for (size_t r = 1; r < table.rows.size(); ++r) {
    out += "<tr>";
    for (size_t c = 0; c < numeric.size(); ++c) {
      const Json& cell = table.rows[r][c];
      std::string attributes = numeric[c] ? "class=\"number\"" : "";
      if (cell.is_number()) attributes += fmt::format(" data-value=\"{}\"", cell.dump());
      out += element("td", attributes, shown_text(cell));
    }
    out += "</tr>\n";
  }
  return out + "</tbody>\n</table>\n</div>\n";
}

std::string drawing_element(const PageDrawing& drawing) {
  return fmt::format("<figure class=\"{}\">{}<div{}>{}</div>{}</figure>\n", drawing.large ? "drawing large" : "drawing",
                     element("figcaption", "", drawing.figure.title), drawing.large ? " class=\"frame\"" : "",
                     figures::svg(drawing.figure, style::page_colors()),
                     drawing.note.empty() ? "" : element("p", "class=\"said\"", drawing.note));
}

std::string picture_element(const PagePicture& picture) {
  std::string out = "<figure class=\"picture\"><div class=\"panels\">";
  for (const auto& [title, bytes] : picture.panels) {
    const bool png = bytes.starts_with("\x89PNG");
    out += fmt::format("<div>{}<img src=\"data:image/{};base64,{}\" alt=\"{}\"/></div>",
                       title.empty() ? "" : element("div", "class=\"said\"", title), png ? "png" : "jpeg",
                       base64(bytes), escape_html(title + (title.empty() ? "" : ": ") + picture.caption));
  }
  return out + "</div>" + element("figcaption", "", picture.caption) + "</figure>\n";
}

std::string part_element(const PagePart& part) {
  std::string inside;
  bool in_row = false;
  const auto row = [&](bool wanted) {
    if (in_row != wanted) inside += wanted ? "<div class=\"drawings\">\n" : "</div>\n";
    in_row = wanted;
  };
  for (const PageDrawing& drawing : part.drawings) {
    row(!drawing.large);
    inside += drawing_element(drawing);
  }
  row(false);
  for (const PageTable& table : part.tables) {
    if (table.shown && table.rows.size() > 1) inside += table_element(table);
  }
  if (!part.pictures.empty()) {
    inside +=
        part.pictures.front().panels.size() > 1 ? "<div class=\"pictures pairs\">\n" : "<div class=\"pictures\">\n";
    for (const PagePicture& picture : part.pictures) inside += picture_element(picture);
    inside += "</div>\n";
  }
  if (inside.empty()) return "";
  return "<section>\n" + element("h2", "", part.title) + "\n" +
         (part.note.empty() ? "" : element("p", "class=\"said\"", part.note) + "\n") + inside + "</section>\n";
}

std::string csv_line(const std::vector<Json>& cells) {
  std::string line;
  for (size_t i = 0; i < cells.size(); ++i) {
    if (i > 0) line += ',';
    const Json& cell = cells[i];
    if (cell.is_string()) line += csv_cell(cell.get<std::string>());
    if (cell.is_number_float()) line += fmt::format("{:.6g}", cell.get<double>());
    if (cell.is_number() && !cell.is_number_float()) line += cell.dump();
  }
  return line + "\r\n";
}

}  // namespace

std::string figure_page(const FigurePage& page) {
  std::string out = page_head(page.title) + "<main>\n<header>\n" + element("h1", "", page.title) + "\n";
  out += "<dl class=\"provenance\">\n";
  for (const auto& [name, text] : page.facts) {
    out += "<div>" + element("dt", "", name) + element("dd", "", text) + "</div>\n";
  }
  out += "</dl>\n";
  if (!page.notes.empty()) {
    out += "<ul class=\"notes\">\n";
    for (const std::string& note : page.notes) out += element("li", "", note) + "\n";
    out += "</ul>\n";
  }
  out += "</header>\n<div class=\"tiles lead\">\n";
  for (const PageTile& tile : page.tiles) {
    out += "<div class=\"tile\">" + element("div", "class=\"tile-title\"", tile.title) +
           element("div", "class=\"tile-value\"", tile.value) + element("div", "class=\"tile-note\"", tile.note) +
           "</div>\n";
  }
  out += "</div>\n";
  for (const PagePart& part : page.parts) out += part_element(part);
  if (!page.foot.empty()) {
    out += "<footer>\n";
    for (const std::string& line : page.foot) out += element("p", "", line) + "\n";
    out += "</footer>\n";
  }
  return out + fmt::format("</main>\n<script>\n{}</script>\n</body>\n</html>\n", asset::table_script());
}

std::vector<NamedFile> files_of(const FigurePage& page) {
  std::vector<NamedFile> files;
  for (const PagePart& part : page.parts) {
    for (const PageDrawing& drawing : part.drawings) {
      files.emplace_back(drawing.file + ".svg",
                         "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" + figures::svg(drawing.figure));
    }
    for (const PageTable& table : part.tables) {
      std::string text;
      for (const std::vector<Json>& row : table.rows) text += csv_line(row);
      files.emplace_back(table.file + ".csv", std::move(text));
    }
  }
  return files;
}

}  // namespace quench::report
