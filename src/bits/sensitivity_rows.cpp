#include "bits/sensitivity_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace quench::bits {
namespace {

/// Widths of the table, wide ones first.
std::vector<int> widths_of(const Sensitivity& table) {
  std::set<int, std::greater<>> widths;
  for (const LayerSensitivity& layer : table.layers) {
    for (const auto& [bits, at] : layer.widths) widths.insert(bits);
  }
  return {widths.begin(), widths.end()};
}

std::string number(double value) { return fmt::format("{:.3g}", value); }

/// A standard error; of one batch there is none.
std::string error_text(const Effect& effect) { return effect.loss_error > 0 ? number(effect.loss_error) : ""; }

/// A score that fell or rose, in points.
std::string points(const std::optional<double>& change) { return change ? fmt::format("{:.2f}", 100 * *change) : ""; }

/// Layers by a figure of theirs.
template <typename Get>
report::LayerSeries series(const Sensitivity& table, std::string name, Get get) {
  report::LayerSeries out{std::move(name), {}};
  for (const LayerSensitivity& layer : table.layers) out.values.push_back(get(layer));
  return out;
}

template <typename Get>
report::LayerPlot plot(const Sensitivity& table, std::string title, std::string unit, bool logarithmic, Get get) {
  report::LayerPlot out{std::move(title), std::move(unit), logarithmic, {}};
  for (const int bits : widths_of(table)) {
    out.series.push_back(series(table, fmt::format("alone, {} bits", bits),
                                [&](const LayerSensitivity& layer) { return get(layer.widths.at(bits)); }));
  }
  return out;
}

}  // namespace

std::vector<std::vector<std::string>> rows_of(const Sensitivity& table) {
  const bool traces =
      std::ranges::any_of(table.layers, [](const LayerSensitivity& layer) { return layer.trace.has_value(); });
  std::vector<std::string> head{"Layer", "Parameters", "MACs"};
  for (const int bits : widths_of(table)) {
    head.push_back(fmt::format("w{} error", bits));
    head.push_back(fmt::format("w{} loss", bits));
    head.push_back(fmt::format("w{} +-", bits));
    if (traces) head.push_back(fmt::format("w{} forecast", bits));
    if (table.score) head.push_back(fmt::format("w{} {}", bits, table.score_name));
  }
  for (const char* title : {"rest error", "rest loss", "rest +-"}) head.emplace_back(title);
  if (table.score) head.push_back("rest " + table.score_name);
  if (traces) head.emplace_back("trace");
  std::vector<std::vector<std::string>> rows{head};
  for (const LayerSensitivity& layer : table.layers) {
    std::vector<std::string> row{layer.layer, std::to_string(layer.params), std::to_string(layer.macs)};
    for (const int bits : widths_of(table)) {
      const AtWidth& at = layer.widths.at(bits);
      row.insert(row.end(), {number(at.alone.error), number(at.alone.loss), error_text(at.alone)});
      if (traces) row.push_back(at.forecast ? number(*at.forecast) : "");
      if (table.score) row.push_back(points(at.alone.score));
    }
    row.insert(row.end(), {number(layer.rest.error), number(layer.rest.loss), error_text(layer.rest)});
    if (table.score) row.push_back(points(layer.rest.score));
    if (traces) row.push_back(layer.trace ? number(*layer.trace) : "");
    rows.push_back(std::move(row));
  }
  return rows;
}

report::LayerPage page_of(const Sensitivity& table) {
  report::LayerPage page;
  page.title = "Sensitivity of " + table.model;
  page.facts = {
      {"Model", table.model},
      {"sha256", table.model_sha256.substr(0, 16)},
      {"Data", table.data},
      {"Images", fmt::format("{} training images", table.images)},
      {"Loss in float", number(table.loss)},
      {"Loss, all quantized", fmt::format("{} ({:+.3g})", number(table.loss + table.all.loss), table.all.loss)}};
  if (table.score) {
    page.facts.emplace_back(table.score_name,
                            fmt::format("{:.2f} % in float, {:.2f} % with all quantized", 100 * *table.score,
                                        100 * (*table.score + table.all.score.value_or(0))));
  }
  page.notes = {
      "Alone: this layer's weights, and what it reads, are rounded; all others are in float.",
      fmt::format("Rest: all layers are quantized with {} bits of weights but this one, which is in float.",
                  table.rest_bits),
      "Error: squared difference of the model's outputs as a share of their squares, averaged over outputs.",
      "Loss: the task's loss, less that of the float model, on the same images; +-: its standard error over batches.",
      "Forecast: of the loss, from the trace of the Hessian and the rounding error of the weights (HAWQ-V2)."};
  for (const LayerSensitivity& layer : table.layers) page.layers.push_back(layer.layer);
  page.plots.push_back(plot(table, "Error of the outputs", "share", true,
                            [](const AtWidth& at) { return std::optional(at.alone.error); }));
  report::LayerPlot loss = plot(table, "Loss, less that in float", "loss", false,
                                [](const AtWidth& at) { return std::optional(at.alone.loss); });
  loss.series.push_back(
      series(table, "all but it", [](const LayerSensitivity& layer) { return std::optional(layer.rest.loss); }));
  page.plots.push_back(std::move(loss));
  if (table.score) {
    page.plots.push_back(plot(table, table.score_name + ", less that in float", "points", false, [](const AtWidth& at) {
      return at.alone.score ? std::optional(100 * *at.alone.score) : std::nullopt;
    }));
  }
  page.plots.push_back(
      plot(table, "Loss as forecast by the Hessian", "loss", true, [](const AtWidth& at) { return at.forecast; }));
  if (page.plots.back().series.empty() ||
      std::ranges::none_of(table.layers, [](const LayerSensitivity& layer) { return layer.trace.has_value(); })) {
    page.plots.pop_back();
  }
  page.rows = rows_of(table);
  return page;
}

}  // namespace quench::bits
