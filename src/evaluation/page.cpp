#include "evaluation/page.h"

#include <fmt/format.h>

#include <array>
#include <cmath>

#include "core/error.h"
#include "core/file.h"
#include "core/task.h"
#include "stats/estimate.h"
#include "stats/figures.h"

namespace quench::evaluation {
namespace {

namespace fs = std::filesystem;

Json json_of(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

}  // namespace

report::FigurePage evaluation_page(const Subject& subject, std::vector<report::NamedFile>& pictures) {
  return labels_of(subject.split.task()) == Labels::objects ? detection_page(subject, pictures)
                                                            : classification_page(subject, pictures);
}

std::string image_name(const data::Dataset& split, int64_t index) {
  const fs::path file = split.file(index);
  if (!file.empty()) return file.filename().string();
  return labels_of(split.task()) == Labels::objects ? split.image(index).name : fmt::format("image {}", index);
}

report::PageTable metrics_table(const Subject& subject) {
  report::PageTable table{
      "metrics",
      "",
      "95 % intervals: bootstrap over images, 2000 resampled test sets. They hold the chance of which images are in "
      "the test set, and nothing of what another training would give.",
      {{"metric", "value", "low", "high"}}};
  const auto figures = stats::figure_replicates(subject.outcomes, subject.threads);
  for (const char* name : {"map_50_95", "map_50", "map_75", "map_95", "top1", "top5"}) {
    const auto found = figures.find(name);
    if (found == figures.end()) continue;
    stats::Replicates figure = found->second;
    if (!std::isfinite(figure.value)) {
      table.rows.push_back({name, nullptr, nullptr, nullptr});
      continue;
    }
    // Test sets without any true box have no figure.
    std::erase_if(figure.resampled, [](double value) { return !std::isfinite(value); });
    const stats::Estimate estimate = stats::mean_of(std::array{std::move(figure)});
    table.rows.push_back({name, json_of(estimate.value), json_of(estimate.low), json_of(estimate.high)});
  }
  return table;
}

std::string percent(const Json& share) {
  return share.is_number() ? fmt::format("{:.1f} %", 100 * share.get<double>()) : "n/a";
}

report::PageTile metric_tile(const std::string& title, const report::PageTable& table, const std::string& metric) {
  for (const std::vector<Json>& row : table.rows) {
    if (row[0] != metric) continue;
    if (!row[1].is_number()) return {title, "n/a", "nothing is annotated"};
    return {title, percent(row[1]),
            fmt::format("95 % interval {:.1f} to {:.1f}", 100 * row[2].get<double>(), 100 * row[3].get<double>())};
  }
  return {title, "n/a", "nothing is annotated"};
}

void require_report_folder(const fs::path& folder) {
  std::error_code ignored;
  if (fs::exists(folder, ignored) && !fs::is_directory(folder, ignored)) {
    fail(ErrorKind::config, "[evaluation] expected a folder to write the report into, got the file {}",
         folder.string());
  }
  require_writable(folder);
}

void write_report(const fs::path& folder, const report::FigurePage& page,
                  const std::vector<report::NamedFile>& pictures) {
  for (const auto& [name, content] : report::files_of(page)) write_file(folder / name, content);
  for (const auto& [name, content] : pictures) write_file(folder / name, content);
  write_file(folder / "report.html", report::figure_page(page));
}

}  // namespace quench::evaluation
