#include "cli/bench_profile.h"

#include <algorithm>
#include <iostream>
#include <vector>

#include "cli/print.h"
#include "core/error.h"
#include "core/printable.h"

namespace quench::cli {
namespace {

constexpr int kRuns = 31;

using runtime::LayerTime;

double time_ns(const LayerTime& layer) { return static_cast<double>(std::max<int64_t>(1, layer.time_ns)); }

double gmacs(const LayerTime& layer) { return static_cast<double>(layer.macs) / time_ns(layer); }

bool has_peak(const LayerTime& layer) { return layer.macs > 0 && layer.peak_gmacs > 0; }

/// What the layer would take if its products were made as fast as the processor can.
double time_at_peak_ns(const LayerTime& layer) {
  return static_cast<double>(layer.products > 0 ? layer.products : layer.macs) / layer.peak_gmacs;
}

/// Each layer's own median.
std::vector<LayerTime> medians(const std::vector<std::vector<LayerTime>>& runs) {
  std::vector<LayerTime> out = runs[0];
  for (size_t layer = 0; layer < out.size(); ++layer) {
    std::vector<int64_t> times;
    for (const auto& run : runs) times.push_back(run[layer].time_ns);
    const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
    std::nth_element(times.begin(), middle, times.end());
    out[layer].time_ns = *middle;
  }
  return out;
}

std::vector<std::string> row_of(const LayerTime& layer, double total_ns) {
  const double ns = time_ns(layer);
  return {layer.layer,
          layer.operation,
          fmt::format("{:.3f}", ns / 1e6),
          fmt::format("{:.1f}", 100 * ns / total_ns),
          layer.macs == 0 ? "-" : fmt::format("{:.1f}", static_cast<double>(layer.macs) / 1e6),
          layer.macs == 0 ? "-" : fmt::format("{:.0f}", 2 * gmacs(layer)),
          has_peak(layer) ? fmt::format("{:.0f}", 100 * time_at_peak_ns(layer) / ns) : "-"};
}

/// Of the layers that multiply.
std::string summary(const std::vector<LayerTime>& layers, double total_ns) {
  double ns = 0, at_peak_ns = 0;
  for (const LayerTime& layer : layers) {
    if (!has_peak(layer)) continue;
    ns += time_ns(layer);
    at_peak_ns += time_at_peak_ns(layer);
  }
  if (ns <= 0) return "";
  return fmt::format("convolutions and linear layers: {:.3f} ms, {:.1f} % of the time, at {:.0f} % of their peak\n",
                     ns / 1e6, 100 * ns / total_ns, 100 * at_peak_ns / ns);
}

}  // namespace

void require_layer_times(const platform::BenchEntry& entry) {
  if (entry.session->times_itself() || !entry.session->layer_times().empty()) return;
  fail(ErrorKind::config, "bench --profile: expected a runtime that times its layers, got {}", entry.runtime);
}

void print_profile(platform::BenchEntry& entry) {
  const bool own = entry.session->times_itself();
  const Tensor input = runtime::to_input(runtime::noise_image(entry.model->graph), entry.session->input_dtype());
  std::vector<std::vector<LayerTime>> runs;
  for (int i = 0; i < (own ? 1 : kRuns); ++i) {
    if (!own) entry.session->run(input);
    runs.push_back(entry.session->layer_times());
  }
  if (runs[0].empty()) {
    fail(ErrorKind::unsupported, "bench --profile: runtime '{}' does not time its layers", entry.runtime);
  }
  const std::vector<LayerTime> layers = medians(runs);
  double total_ns = 0;
  for (const LayerTime& layer : layers) total_ns += static_cast<double>(layer.time_ns);
  std::vector<std::vector<std::string>> rows{{"layer", "operation", "ms", "share %", "MMACs", "GOP/s", "peak %"}};
  for (const LayerTime& layer : layers) rows.push_back(row_of(layer, total_ns));
  std::cout << fmt::format("\n{} / {}: {:.3f} ms in {} layers, {}\n", printable_line(entry.model->path.string()),
                           entry.runtime, total_ns / 1e6, layers.size(),
                           own ? "its own means" : fmt::format("each layer's median of {} runs", kRuns))
            << text_table(rows) << summary(layers, total_ns);
}

}  // namespace quench::cli
