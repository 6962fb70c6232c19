#include "latency_table/forecast.h"

#include <fmt/format.h>

#include "core/error.h"
#include "core/hash.h"
#include "devices/capability.h"
#include "devices/forecast.h"
#include "graph/op_traits.h"

namespace quench::latency_table {
namespace {

using devices::LayerWork;
using metrics::LayerShape;

/// Output positions: as many as the layer's shape makes of its input's.
int64_t positions_of(const graph::Graph& graph, const metrics::ShapedLayer& layer) {
  for (const graph::Edge& edge : graph.edges) {
    if (edge.name == layer.output) return edge.shape.size() == 4 ? edge.shape[2] * edge.shape[3] : 1;
  }
  fail(ErrorKind::internal, "[latency_table] no edge '{}'", layer.output);
}

LayerWork work_at(const LayerShape& shape, int64_t positions, int64_t in, int64_t out) {
  LayerWork work;
  work.positions = positions;
  const int64_t inputs = shape.op == graph::Op::add || shape.op == graph::Op::mul ? 2 : 1;
  work.input_elements = inputs * in * shape.height * shape.width;
  work.elements_moved = work.input_elements + out * positions;
  if (!graph::traits(shape.op).layer) return work;
  const auto* conv = std::get_if<graph::ConvAttributes>(&shape.attributes);
  work.kernel_area = conv ? conv->kernel[0] * conv->kernel[1] : 1;
  work.strided = conv && (conv->stride[0] > 1 || conv->stride[1] > 1);
  work.groups = !conv ? 1 : shape.depthwise() ? in : conv->groups;
  work.in_channels = in / work.groups;
  work.out_channels = out / work.groups;
  work.elements_moved += work.kernel_area * out * work.in_channels;
  return work;
}

}  // namespace

prune::Latency forecast_latency(const graph::Graph& graph, const devices::Device& device,
                                const devices::LatencyFit& fit, const config::LatencySettings& settings) {
  const devices::Precision precision = devices::precision_of(settings.precision);
  const devices::Engine engine = devices::engine_of_runtime(settings.runtime);
  devices::require_known(fit, device, {engine, settings.runtime, precision, "", settings.threads});
  const devices::ModelWork whole = devices::work_of(graph);
  const devices::Verdict verdict =
      devices::capability(device, {engine, settings.runtime, precision, devices::memory_need(whole, precision),
                                   devices::has_runtime(fit, engine, settings.runtime)});
  if (!verdict.supported) fail(ErrorKind::unsupported, "{}", verdict.reason);
  const devices::Machine machine = devices::machine_of(device, engine, "", settings.threads);
  const auto forecast = [=](const devices::ModelWork& work) {
    return devices::forecast_latency(fit, device, machine, settings.runtime, work, precision);
  };
  prune::Latency latency;
  const devices::Forecast empty = forecast({});
  latency.constant_ns = static_cast<double>(empty.latency_ns);
  for (const metrics::ShapedLayer& layer : metrics::shaped_layers(graph, precision == devices::Precision::int8)) {
    if (!graph::traits(layer.shape.op).own_pass) continue;  // as the forecast has it
    const int64_t positions = positions_of(graph, layer);
    latency.layers.push_back({layer, [=, shape = layer.shape](int64_t in, int64_t out) {
                                devices::ModelWork one;
                                one.layers = {work_at(shape, positions, in, out)};
                                return static_cast<double>(forecast(one).latency_ns - empty.latency_ns);
                              }});
  }
  const std::string id =
      sha256_hex(canonical_text({{"device", devices::to_json(device)}, {"fit", devices::to_yaml(fit)}})).substr(0, 12);
  latency.told = {{"latency_source", "forecast"}, {"latency_machine", device.name}, {"latency_table", id}};
  latency.what = fmt::format("forecast for {} ({}, {} thread{}, {}): {}", device.name, settings.runtime,
                             settings.threads, settings.threads == 1 ? "" : "s", settings.precision, empty.evidence);
  return latency;
}

}  // namespace quench::latency_table
