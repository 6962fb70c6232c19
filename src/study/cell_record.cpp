#include "study/cell_record.h"

#include "graph/passes.h"
#include "metrics/cost.h"
#include "metrics/top_k.h"
#include "platform/host.h"

namespace quench::study {
namespace {

std::optional<std::string> metadata(const graph::Graph& graph, const std::string& key) {
  const auto found = graph.metadata.find(key);
  if (found == graph.metadata.end() || found->second.empty()) return std::nullopt;
  return found->second;
}

}  // namespace

record::Record start_record(const StudyFile& study, const Cell& cell, const std::string& version) {
  record::Record record;
  record.study = study.name;
  record.cell = cell.id;
  record.model = cell.model.model["model"];
  record.data = study.data["data"];
  record.method = cell.method.method;
  if (!cell.method.setting.empty()) record.setting = cell.method.setting;
  const bool quantized = cell.method.method != "fp32";
  record.bits_w = quantized ? cell.method.quantize["bits_w"].get<int64_t>() : 32;
  record.bits_a = quantized ? cell.method.quantize["bits_a"].get<int64_t>() : 32;
  record.runtime = cell.runtime;
  record.device = "host";
  record.threads = cell.threads;
  record.seed = cell.seed;
  record.quench_version = version;
  record.host = platform::one_line(platform::detect_host());
  record.config = cell.config;
  return record;
}

void set_model(record::Record& record, const graph::ModelFile& model) {
  const graph::Graph folded = graph::fold_batch_norms(model.graph);
  const metrics::Cost cost = metrics::cost(folded);
  record.task = metadata(folded, "task");
  record.imgsz = folded.edge(folded.inputs.at(0)).shape.at(2);
  record.params = cost.params;
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

void set_accuracy(record::Record& record, const Accuracy& real, const Accuracy& simulated) {
  const metrics::Interval interval = metrics::wilson(real.top1, real.samples);
  record.top1 = real.top1;
  record.top1_low = interval.low;
  record.top1_high = interval.high;
  record.top5 = real.top5;
  record.samples = real.samples;
  record.agreement = metrics::agreement(real.predictions, simulated.predictions);
}

void set_latency(record::Record& record, const runtime::Measurement& measured) {
  record.latency_p50_ns = measured.latency.p50_ns;
  record.latency_p90_ns = measured.latency.p90_ns;
  record.latency_p99_ns = measured.latency.p99_ns;
  record.latency_samples = measured.latency.samples;
}

}  // namespace quench::study
