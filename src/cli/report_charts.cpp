#include "cli/report_charts.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cctype>
#include <set>

#include "core/error.h"
#include "core/file.h"
#include "figures/writer.h"
#include "report/chart_figure.h"
#include "report/columns.h"

namespace quench::cli {
namespace {

namespace fs = std::filesystem;

/// For a file's name: letters, digits and hyphens.
std::string file_word(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const bool kept = std::isalnum(static_cast<unsigned char>(c)) != 0;
    if (kept) {
      out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    } else if (!out.empty() && out.back() != '-') {
      out += '-';
    }
  }
  while (out.ends_with('-')) out.pop_back();
  return out;
}

report::CostAxis axis_of(const std::string& name) {
  if (name == "log") return report::CostAxis::logarithmic;
  return name == "linear" ? report::CostAxis::linear : report::CostAxis::automatic;
}

/// The place of that name, or the first whose name begins so; all: none.
const report::RunPlace* place_of(const std::string& name, const std::vector<report::RunPlace>& places) {
  if (name == "all") return nullptr;
  for (const bool whole : {true, false}) {
    for (const report::RunPlace& place : places) {
      if (whole ? place.name == name : place.name.starts_with(name + ",")) return &place;
    }
  }
  std::vector<std::string> names;
  for (const report::RunPlace& place : places) names.push_back(place.name);
  fail(ErrorKind::config, "[report] expected --chart-place all or one of '{}', got '{}'", fmt::join(names, "', '"),
       name);
}

}  // namespace

void write_charts(const std::vector<record::Record>& records, const Json& options, const report::OutcomesOf& outcomes,
                  const LogSink& log) {
  const fs::path folder = options.at("charts").get<std::string>();
  const figures::Writer& writer = figures::writer();
  report::FigureOptions drawing;
  drawing.axis = axis_of(options.at("chart_axis"));
  drawing.width = options.at("chart_width");
  drawing.height = options.at("chart_height");
  drawing.text_width = writer.text_width;
  fs::create_directories(folder);
  std::set<std::string> written;
  for (const report::Section& section : report::sections(records)) {
    const std::vector<record::Record> rows = report::ok_records(section.records);
    if (rows.empty()) continue;
    for (const report::Metric metric : report::metrics_of(section)) {
      const report::MethodMeans means = report::method_means(rows, metric, outcomes);
      const std::vector<report::RunPlace> places = report::places_of(rows, metric);
      const report::RunPlace* const place = place_of(options.at("chart_place"), places);
      for (const report::Chart& chart : report::charts(rows, metric, &means, place)) {
        if (chart.points.empty()) continue;
        const figures::Figure figure = report::chart_figure(chart, rows, metric, drawing);
        std::string name = fmt::format("{}-{}-{}", file_word(section.title), file_word(chart.heading()),
                                       file_word(report::field_of(metric)));
        while (!written.insert(name).second) name += "-more";
        write_file(folder / (name + ".svg"), writer.svg(figure));
        write_file(folder / (name + ".pdf"), writer.pdf(figure));
      }
    }
  }
  if (written.empty()) fail(ErrorKind::data, "[report] expected rows with an accuracy and a cost to draw, got none");
  log.info(fmt::format("wrote {} charts, each as SVG and PDF, to {}", written.size(), folder.string()));
}

}  // namespace quench::cli
