#include "platform/measured.h"

#include <fmt/ranges.h>

#include <set>

#include "core/gzip.h"
#include "graph/passes.h"
#include "graph/quantized.h"
#include "graph/sparse_layers.h"
#include "metrics/cost.h"
#include "metrics/layer_widths.h"
#include "metrics/nonzero.h"
#include "metrics/top_k.h"
#include "platform/host.h"

namespace quench::platform {
namespace {

std::optional<std::string> metadata(const graph::Graph& graph, const std::string& key) {
  const auto found = graph.metadata.find(key);
  if (found == graph.metadata.end() || found->second.empty()) return std::nullopt;
  return found->second;
}

/// What was done to a float model, joined by "+": "fp32" (nothing), "pruned", "sparse", "ptq", "pruned+ptq".
std::string method_of(const graph::Graph& graph) {
  std::vector<std::string> done;
  if (metadata(graph, "pruned")) done.emplace_back("pruned");
  if (graph::is_sparse(graph)) done.emplace_back("sparse");
  if (const auto quantized = metadata(graph, "method")) done.push_back(*quantized);
  return done.empty() ? "fp32" : fmt::format("{}", fmt::join(done, "+"));
}

/// "2:4", or more than one of "2:4, kernel"; none for a dense model.
std::optional<std::string> sparse_patterns(const graph::Graph& graph) {
  std::set<std::string> patterns;
  for (const auto& [name, layer] : graph::sparse_layers(graph)) patterns.insert(layer.pattern);
  if (patterns.empty()) return std::nullopt;
  return fmt::format("{}", fmt::join(patterns, ", "));
}

/// "power_of_two", "dyadic" (the factors between them are), or both; none where scales are any numbers.
std::optional<std::string> scales(const graph::Graph& graph) {
  const auto kind = metadata(graph, "scales"), between = metadata(graph, "requantization");
  if (kind && between) return *kind + ", " + *between;
  return kind ? kind : between;
}

/// Inputs of a group that shares a factor of its weights' scale; none where no layer has groups.
std::optional<int64_t> group_size(const graph::Graph& graph) {
  for (const auto& [name, weight] : graph.weights) {
    if (weight.quant && weight.quant->group_size > 0) return weight.quant->group_size;
  }
  return std::nullopt;
}

}  // namespace

void set_model(record::Record& record, const graph::ModelFile& model) {
  const graph::Graph folded = graph::fold_batch_norms(model.graph);
  const metrics::Cost cost = metrics::cost(folded);
  record.model = metadata(folded, "model");
  record.task = metadata(folded, "task");
  record.method = method_of(folded);
  record.imgsz = folded.edge(folded.inputs.at(0)).shape.at(2);
  const metrics::LayerWidths widths = metrics::layer_widths(folded);
  record.bits_w = widths.weights;
  record.bits_a = widths.activations;
  record.bits_w_mean = widths.mean_weights;
  if (!widths.others.empty()) record.layer_bits = widths.others;
  record.levels = metadata(folded, "levels");
  record.scales = scales(folded);
  record.group_size = group_size(folded);
  record.activation_scales = metadata(folded, "activation_scales");
  record.params = cost.params;
  record.nonzero_params = metrics::nonzero_params(folded);
  record.sparse = sparse_patterns(folded);
  record.macs = cost.macs;
  record.gflops = cost.gflops;
  record.bops = cost.bops;
  record.weights_bytes = cost.weights_bytes;
  record.file_bytes = static_cast<int64_t>(model.bytes.size());
  record.model_sha256 = model.sha256;
  record.parent_sha256 = metadata(folded, "parent_sha256");
  record.calibration_sha256 = metadata(folded, "calibration_sha256");
  record.float_layers = metadata(folded, "float_layers");
}

void set_compressed(record::Record& record, const graph::ModelFile& model) {
  record.compressed_file_bytes = static_cast<int64_t>(gzip(model.bytes).size());
}

void set_predicted(record::Record& record, const graph::ModelFile& model) {
  const std::optional<std::string> pruned = metadata(model.graph, "pruned");
  std::optional<Json> told = pruned ? try_parse_json(*pruned) : std::nullopt;
  if (told && told->is_array() && !told->empty()) told = told->back();
  if (!told || !told->is_object() || !told->value("latency_ns", Json()).is_number_integer()) return;
  const std::string precision = graph::is_quantized(model.graph) ? "int8" : "fp32";
  if (told->value("latency_device", Json()) != Json(record.device.value_or("")) ||
      told->value("latency_runtime", Json()) != Json(record.runtime.value_or("")) ||
      told->value("latency_threads", Json()) != Json(record.threads.value_or(0)) ||
      told->value("latency_precision", Json()) != Json(precision)) {
    return;
  }
  record.predicted_latency_ns = told->at("latency_ns").get<int64_t>();
}

void set_host(record::Record& record, const std::string& version) {
  record.device = "host";
  record.host = one_line(detect_host());
  record.quench_version = version;
}

void set_latency(record::Record& record, const metrics::LatencySummary& latency) {
  record.latency_p50_ns = latency.p50_ns;
  record.latency_p90_ns = latency.p90_ns;
  record.latency_p99_ns = latency.p99_ns;
  record.latency_samples = latency.samples;
  record.latency_source = "measured";
}

void set_scores(record::Record& record, const score::Scores& scores, int64_t samples) {
  for (const score::Score& score : scores) record::set_number(record, score.name, score.value);
  if (record.top1) {
    const metrics::Interval interval = metrics::wilson(*record.top1, samples);
    record.top1_low = interval.low;
    record.top1_high = interval.high;
  }
  record.samples = samples;
}

void set_failure(record::Record& record, const Error& error) {
  record.status = error.kind() == ErrorKind::unsupported ? "unsupported" : "failed";
  record.reason = error.what();
}

}  // namespace quench::platform
