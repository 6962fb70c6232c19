#include "latency_table/learn.h"

#include <algorithm>

#include "core/clock.h"
#include "core/error.h"
#include "core/file.h"
#include "core/json_text.h"
#include "graph/passes.h"
#include "latency_table/table_lock.h"

namespace quench::latency_table {
namespace {

using metrics::ShapedLayer;
using platform::LayerWidths;

/// Between them lie the factors that were seen on quiet machines (1.0 to 1.4).
constexpr double kLeastScale = 0.7, kMostScale = 1.6;

constexpr int64_t kFirstProbe = 17, kLastProbe = 64;  ///< widths whose times tell the steps

/// A 1 x 1 convolution of 16 x 16 positions.
LayerWidths probe(bool integers, int64_t in, std::vector<int64_t> out) {
  metrics::LayerShape shape;
  shape.attributes = graph::ConvAttributes{};
  shape.height = shape.width = 16;
  shape.integers = integers;
  return {shape, in, std::move(out)};
}

Steps steps_of(Timer& timer, bool integers) {
  std::vector<int64_t> widths;
  std::vector<LayerWidths> all;
  for (int64_t width = kFirstProbe; width <= kLastProbe; ++width) {
    widths.push_back(width);
    all.push_back(probe(integers, width, {kLastProbe}));
  }
  all.push_back(probe(integers, kLastProbe, widths));
  const std::vector<std::vector<double>> times = timer.layers(all);
  std::vector<double> by_input;
  for (size_t i = 0; i < widths.size(); ++i) by_input.push_back(times[i].front());
  return {step_of(widths, by_input), step_of(widths, times.back())};
}

/// Widths that a layer of grouped channels can have.
std::vector<int64_t> grid_of(int64_t full, int64_t step, const metrics::LayerShape& shape) {
  const auto* conv = std::get_if<graph::ConvAttributes>(&shape.attributes);
  const int64_t groups = conv ? std::max<int64_t>(1, conv->groups) : 1;
  std::vector<int64_t> widths = grid(full, step);
  for (int64_t& width : widths) width = (width + groups - 1) / groups * groups;
  widths.erase(std::unique(widths.begin(), widths.end()), widths.end());
  return widths;
}

/// What is to be timed of one layer.
struct Request {
  const ShapedLayer* layer;
  Grid grid;  ///< without times

  std::vector<LayerWidths> entries() const {
    std::vector<LayerWidths> all;
    for (const int64_t in : grid.in) all.push_back({layer->shape, in, grid.out.empty() ? std::vector{in} : grid.out});
    return all;
  }
};

Request request_of(const ShapedLayer& layer, const Steps& steps) {
  if (!layer.shape.mixes()) return {&layer, {grid_of(layer.in_channels, steps.out, layer.shape), {}, {}}};
  return {&layer,
          {grid_of(layer.in_channels, steps.in, layer.shape), grid_of(layer.out_channels, steps.out, layer.shape), {}}};
}

/// Layers that the table lacks, each once.
std::vector<const ShapedLayer*> missing(const Table& table, const std::vector<ShapedLayer>& layers) {
  Table known = table;
  std::vector<const ShapedLayer*> out;
  for (const ShapedLayer& layer : layers) {
    if (known.has(layer)) continue;
    out.push_back(&layer);
    known.add(layer, {});
  }
  return out;
}

/// Whether nothing of these layers and their model is to be measured.
bool has_all(const Table& table, const std::vector<ShapedLayer>& layers) {
  return table.steps() && table.model_ns(layers) && missing(table, layers).empty();
}

}  // namespace

void learn(Table& table, const std::vector<ShapedLayer>& layers, Timer& timer, const std::function<void()>& save,
           const LogSink& log, const CancelToken& cancel) {
  const std::vector<const ShapedLayer*> todo = missing(table, layers);
  if (todo.empty() && table.steps()) return;
  log.info(fmt::format("latency table: {} layers to time on {}", todo.size(), table.machine().device));
  const int64_t start_ns = now_ns();
  const auto progress = [&](size_t done) {
    const double seconds = seconds_since(start_ns);
    log.show_progress(fmt::format("latency table: layer {} of {}", done, todo.size()));
    log.show_step({"latency table", static_cast<int64_t>(done), static_cast<int64_t>(todo.size()), seconds, "layers"});
  };
  progress(0);
  if (!table.steps()) {
    table.set_steps(steps_of(timer, table.machine().precision == "int8"));
    save();
  }
  for (size_t begin = 0; begin < todo.size();) {
    cancel.check();
    const size_t end = begin + std::min(timer.at_once(), todo.size() - begin);
    std::vector<Request> requests;
    std::vector<LayerWidths> entries;
    for (size_t i = begin; i < end; ++i) {
      requests.push_back(request_of(*todo[i], *table.steps()));
      for (LayerWidths& entry : requests.back().entries()) entries.push_back(std::move(entry));
    }
    std::vector<std::vector<double>> times = timer.layers(entries);
    auto next = times.begin();
    for (Request& request : requests) {
      for (size_t i = 0; i < request.grid.in.size(); ++i) request.grid.ns.push_back(std::move(*next++));
      table.add(*request.layer, std::move(request.grid));
    }
    save();
    begin = end;
    progress(end);
  }
}

Table read_table(const std::filesystem::path& file, const Machine& machine, const LogSink& log) {
  std::error_code code;
  if (!std::filesystem::exists(file, code)) return Table(machine);
  try {
    Table table = table_from(read_json(file), file.string());
    if (table.machine() == machine) return table;
    log.warning(fmt::format("{}: the latency table is of another machine: it is measured again", file.string()));
  } catch (const Error& error) {
    log.warning(fmt::format("{}: the latency table is damaged and is measured again: {}", file.string(), error.what()));
  }
  return Table(machine);
}

prune::Latency measured_latency(const graph::Graph& graph, const Machine& machine, Timer& timer,
                                const std::filesystem::path& cache_folder, const LogSink& log,
                                const CancelToken& cancel) {
  const bool integers = machine.precision == "int8";
  const std::vector<ShapedLayer> layers = metrics::shaped_layers(graph, integers);
  const std::filesystem::path file = cache_folder.empty() ? std::filesystem::path() : table_file(cache_folder, machine);
  bool kept = !cache_folder.empty();
  Table table = kept ? read_table(file, machine, LogSink{}) : Table(machine);
  std::unique_ptr<FileLock> lock;
  if (kept && !has_all(table, layers)) {
    lock = lock_table(file, log, cancel);
    table = read_table(file, machine, log);  // another may have measured meanwhile
  }
  const auto save = [&] {
    if (!kept) return;
    try {
      write_file(file, json_text(to_json(table)) + "\n");
    } catch (const Error& error) {
      log.warning(fmt::format("the latency table cannot be kept: {}", error.what()));
      kept = false;
    }
  };
  learn(table, layers, timer, save, log, cancel);
  std::optional<double> whole = table.model_ns(layers);
  if (!whole) {
    whole = timer.model(integers ? platform::as_integers(graph) : graph::fold_batch_norms(graph));
    table.set_model_ns(layers, *whole);
    save();
  }
  lock.reset();
  prune::Latency latency;
  double sum = 0;
  for (const ShapedLayer& layer : layers) {
    latency.layers.push_back({layer, table.time_of(layer)});
    sum += latency.layers.back().ns(layer.in_channels, layer.out_channels);
  }
  latency.scale = sum > 0 ? *whole / sum : 1;
  if (latency.scale < kLeastScale || latency.scale > kMostScale) {
    log.warning(
        fmt::format("the model takes {:.2f} times the sum of its layers: the machine was busy while one or the other "
                    "was measured, and "
                    "predictions are off{}",
                    latency.scale, file.empty() ? "" : fmt::format("; remove {} to measure again", file.string())));
  }
  latency.told = {{"latency_source", "measured"},
                  {"latency_machine", machine.device},
                  {"latency_table", table.id()},
                  {"latency_scale", latency.scale}};
  latency.what = fmt::format(
      "measured on {} ({}, {} thread{}, {}); {:.2f} times the sum of its layers in table {}, where channels count in "
      "steps of {} (inputs) and {} (outputs)",
      machine.device, machine.runtime, machine.threads, machine.threads == 1 ? "" : "s", machine.precision,
      latency.scale, table.id(), table.steps()->in, table.steps()->out);
  return latency;
}

}  // namespace quench::latency_table
