#include "why/rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>

namespace quench::why {
namespace {

std::string percent(double share) { return fmt::format("{:.3g}", 100 * share); }

std::string decibels(double value) { return std::isinf(value) ? "" : fmt::format("{:.1f}", value); }

std::string ms(double time_ns) { return fmt::format("{:.3f}", time_ns * 1e-6); }

/// One column: its head and a layer's cell.
struct Column {
  std::string title;
  std::function<std::string(const LayerFinding&)> cell;
};

std::vector<Column> structure_columns() {
  return {{"Layer", [](const LayerFinding& layer) { return layer.layer; }},
          {"Runs in",
           [](const LayerFinding& layer) { return layer.integer ? std::string("int8") : "float: " + layer.reason; }},
          {"w", [](const LayerFinding& layer) { return layer.bits_w > 0 ? std::to_string(layer.bits_w) : "f"; }},
          {"a", [](const LayerFinding& layer) { return layer.bits_a > 0 ? std::to_string(layer.bits_a) : "f"; }},
          {"Rounds", [](const LayerFinding& layer) { return std::to_string(layer.roundings); }},
          {"Converts", [](const LayerFinding& layer) { return std::to_string(layer.conversions); }},
          {"Rescales", [](const LayerFinding& layer) { return std::to_string(layer.requantizations); }}};
}

std::vector<Column> time_columns() {
  const auto cell = [](auto get) {
    return [get](const LayerFinding& layer) { return layer.time ? ms(get(*layer.time)) : std::string(); };
  };
  return {{"ms", cell([](const LayerTime& time) { return time.quantized_ns; })},
          {"float ms", cell([](const LayerTime& time) { return time.float_ns; })}};
}

std::vector<Column> error_columns(bool weights) {
  const auto reading = [](auto get) {
    return [get](const LayerFinding& layer) { return layer.reading ? percent(get(*layer.reading)) : std::string(); };
  };
  const auto noise = [](auto get) {
    return [get](const LayerFinding& layer) { return layer.noise ? decibels(get(*layer.noise)) : std::string(); };
  };
  const auto part = [](auto get) {
    return [get](const LayerFinding& layer) { return layer.part ? get(*layer.part) : std::string(); };
  };
  std::vector<Column> out{{"Low %", reading([](const Reading& one) { return one.clamped_low; })},
                          {"High %", reading([](const Reading& one) { return one.clamped_high; })},
                          {"Use %", reading([](const Reading& one) { return one.range_use; })},
                          {"dB", noise([](const quant::LayerError& one) { return one.sqnr_db; })},
                          {"own dB", noise([](const quant::LayerError& one) { return one.own_db; })}};
  if (weights) out.push_back({"w dB", noise([](const quant::LayerError& one) { return one.weights_db; })});
  out.push_back({"a dB", noise([](const quant::LayerError& one) { return one.activations_db; })});
  out.push_back({"Alone", part([](const Part& one) { return fmt::format("{:.2g}", one.alone.error); })});
  out.push_back({"Share %", part([](const Part& one) { return fmt::format("{:.1f}", 100 * one.share); })});
  return out;
}

template <typename Get>
report::LayerSeries series(const Findings& findings, std::string name, Get get) {
  report::LayerSeries out{std::move(name), {}};
  for (const LayerFinding& layer : findings.layers) {
    std::optional<double> value = get(layer);
    if (value && !std::isfinite(*value)) value.reset();
    out.values.push_back(value);
  }
  return out;
}

using Value = std::optional<double>;

std::vector<report::LayerPlot> error_plots(const Findings& findings) {
  const auto noise = [&](const char* name, double quant::LayerError::*member) {
    return series(findings, name, [member](const LayerFinding& layer) {
      return layer.noise ? Value((*layer.noise).*member) : Value();
    });
  };
  report::LayerPlot ratio{"Signal over noise of each layer's output", "dB", false, {}};
  ratio.series = {noise("with all before it", &quant::LayerError::sqnr_db),
                  noise("it alone", &quant::LayerError::own_db)};
  if (!findings.against.empty()) ratio.series.push_back(noise("its weights", &quant::LayerError::weights_db));
  ratio.series.push_back(noise("activations", &quant::LayerError::activations_db));
  report::LayerPlot error{"Error of the outputs", "share", true, {}};
  error.series = {
      series(findings, "it alone is quantized",
             [](const LayerFinding& layer) { return layer.part ? Value(layer.part->alone.error) : Value(); }),
      series(findings, "all but it",
             [](const LayerFinding& layer) { return layer.part ? Value(layer.part->without.error) : Value(); })};
  report::LayerPlot reading{"What each layer reads", "%", false, {}};
  reading.series = {
      series(findings, "integers used",
             [](const LayerFinding& layer) { return layer.reading ? Value(100 * layer.reading->range_use) : Value(); }),
      series(findings, "clamped", [](const LayerFinding& layer) {
        return layer.reading ? Value(100 * (layer.reading->clamped_low + layer.reading->clamped_high)) : Value();
      })};
  return {ratio, error, reading};
}

report::LayerPlot time_plot(const Findings& findings) {
  report::LayerPlot out{"Time of each layer", "ms", false, {}};
  out.series = {
      series(findings, "quantized",
             [](const LayerFinding& layer) { return layer.time ? Value(layer.time->quantized_ns * 1e-6) : Value(); }),
      series(findings, "float",
             [](const LayerFinding& layer) { return layer.time ? Value(layer.time->float_ns * 1e-6) : Value(); })};
  return out;
}

}  // namespace

std::vector<std::vector<std::string>> rows_of(const Findings& findings) {
  std::vector<Column> columns = structure_columns();
  const auto append = [&](const std::vector<Column>& more) { columns.insert(columns.end(), more.begin(), more.end()); };
  if (findings.time) append(time_columns());
  if (findings.all) append(error_columns(!findings.against.empty()));
  std::vector<std::vector<std::string>> rows(1);
  for (const Column& column : columns) rows[0].push_back(column.title);
  for (const LayerFinding& layer : findings.layers) {
    std::vector<std::string>& row = rows.emplace_back();
    for (const Column& column : columns) row.push_back(column.cell(layer));
  }
  return rows;
}

std::vector<std::string> facts_of(const Findings& findings) {
  std::vector<std::string> out;
  if (findings.time) {
    const ModelTime& time = *findings.time;
    out.push_back(fmt::format(
        "Time: {} ms quantized, {} ms in float (least medians of three of {} runs in turn, native engine, {}); of the "
        "first: layers "
        "{} ms, those of them in float {}, conversions {}, rescaling {}, image and outputs {}.",
        ms(time.quantized_ns), ms(time.float_ns), time.runs, time.isa, ms(time.layers_ns), ms(time.float_layers_ns),
        ms(time.conversions_ns), ms(time.requantizations_ns), ms(time.reorders_ns)));
  } else if (!findings.no_time.empty()) {
    out.push_back("No times: " + findings.no_time);
  }
  if (findings.all) {
    const double error = findings.all->loss_error;  // of one batch there is none
    out.push_back(
        fmt::format("Error of the outputs: {:.3g} of their squares; loss {:.4g} in float, {:+.3g} quantized{}, on {} "
                    "training images "
                    "of {}.",
                    findings.all->error, findings.loss, findings.all->loss,
                    error > 0 ? fmt::format(" (+-{:.2g})", error) : "", findings.images, findings.data));
    std::string trials;
    for (const auto& [trial, effect] : findings.trials) {
      trials += fmt::format("{}{} {:.3g}", trials.empty() ? "" : ", ", to_string(trial), effect.error);
    }
    out.push_back("Error with one thing changed: " + trials + ".");
    out.push_back(findings.parts_at ? fmt::format("The first layer below {:.3g} dB is {}.", findings.parted_db,
                                                  findings.layers.at(*findings.parts_at).layer)
                                    : fmt::format("No layer is below {:.3g} dB.", findings.parted_db));
  }
  out.insert(out.end(), findings.unknown.begin(), findings.unknown.end());
  return out;
}

std::vector<std::string> advice_lines(const Findings& findings) {
  std::vector<std::string> out;
  for (size_t i = 0; i < findings.advice.size(); ++i) {
    out.push_back(fmt::format("{}. {}", i + 1, findings.advice[i].sentence));
    if (!findings.advice[i].command.empty()) out.push_back("   " + findings.advice[i].command);
  }
  return out;
}

report::LayerPage page_of(const Findings& findings) {
  report::LayerPage page;
  page.title = "Why " + findings.model + " is as it is";
  page.facts = {{"Model", findings.model}, {"sha256", findings.model_sha256.substr(0, 16)}};
  if (!findings.against.empty()) page.facts.emplace_back("Against", findings.against);
  if (findings.all) {
    page.facts.emplace_back("Data", findings.data);
    page.facts.emplace_back("Images", fmt::format("{} training images", findings.images));
  }
  page.notes = facts_of(findings);
  for (const std::string& line : advice_lines(findings)) page.notes.push_back(line);
  for (const LayerFinding& layer : findings.layers) page.layers.push_back(layer.layer);
  if (findings.time) page.plots.push_back(time_plot(findings));
  if (findings.all) {
    for (report::LayerPlot& plot : error_plots(findings)) page.plots.push_back(std::move(plot));
  }
  page.rows = rows_of(findings);
  return page;
}

}  // namespace quench::why
