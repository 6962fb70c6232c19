#include "report_samples.h"

#include "metrics/top_k.h"

namespace quench::report {

namespace {

struct Row {
  const char* model;
  const char* method;
  const char* setting;
  const char* runtime;
  double top1;
  double latency_ms;
};

record::Record record_of(const Row& row) {
  const bool v5 = std::string(row.model) == "yolov5n-cls";
  const bool is_float = std::string(row.method) == "fp32";
  record::Record record;
  record.study = "cifar100";
  record.cell = std::string(row.model) + "-" + row.method + "-" + row.setting + "-" + row.runtime;
  record.model = row.model;
  record.task = "classify";
  record.data = "cifar100";
  record.imgsz = 64;
  record.method = row.method;
  if (*row.setting != '\0') record.setting = row.setting;
  record.bits_w = record.bits_a = is_float ? 32 : 8;
  record.runtime = row.runtime;
  record.device = "cpu";
  record.threads = 2;
  record.seed = 0;
  record.params = v5 ? 1'340'000 : 1'570'000;
  record.macs = v5 ? 17'500'000 : 20'900'000;
  record.gflops = 2e-9 * static_cast<double>(*record.macs);
  record.weights_bytes = (v5 ? 1'330'000 : 1'560'000) * (is_float ? 4 : 1) + 20'000;
  record.top1 = row.top1;
  const auto interval = metrics::wilson(row.top1, 10'000);
  record.top1_low = interval.low;
  record.top1_high = interval.high;
  record.top5 = row.top1 + 0.23;
  record.latency_p50_ns = static_cast<int64_t>(row.latency_ms * 1e6);
  record.latency_p90_ns = static_cast<int64_t>(row.latency_ms * 1.08e6);
  record.latency_p99_ns = static_cast<int64_t>(row.latency_ms * 1.31e6);
  record.latency_samples = 1000;
  record.samples = 10'000;
  if (!is_float) record.agreement = 0.9962;
  record.model_sha256 = std::string(64, v5 ? 'a' : 'b');
  record.quench_version = "0.1.0+f24f2d5";
  record.host = "two-core host";
  record.time = "2026-11-23T03:00:00Z";
  record.config = Json{{"epochs", 40}, {"lr", 0.1}};
  return record;
}

}  // namespace

std::vector<record::Record> sample_records() {
  const Row rows[] = {
      {"yolov5n-cls", "fp32", "", "onnxruntime", 0.6581, 1.12},
      {"yolov5n-cls", "fp32", "", "torch", 0.6581, 4.70},
      {"yolov5n-cls", "ptq", "minmax", "onnxruntime", 0.6436, 0.61},
      {"yolov5n-cls", "ptq", "mse", "onnxruntime", 0.6550, 0.61},
      {"yolov5n-cls", "qat", "", "onnxruntime", 0.6585, 0.62},
      {"yolov8n-cls", "fp32", "", "onnxruntime", 0.6702, 1.35},
      {"yolov8n-cls", "ptq", "minmax", "onnxruntime", 0.6519, 0.75},
      {"yolov8n-cls", "ptq", "mse", "onnxruntime", 0.6668, 0.74},
      {"yolov8n-cls", "qat", "", "onnxruntime", 0.6711, 0.74},
  };
  std::vector<record::Record> records;
  for (const Row& row : rows) records.push_back(record_of(row));
  record::Record failed = record_of({"yolov8n-cls", "ptq", "entropy", "onnxruntime", 0, 0});
  failed.status = "failed";
  failed.reason = "[quant.ptq] expected at least 1 calibration image, got 0";
  failed.top1 = failed.top1_low = failed.top1_high = failed.top5 = failed.agreement = {};
  failed.latency_p50_ns = failed.latency_p90_ns = failed.latency_p99_ns = {};
  records.push_back(failed);
  return records;
}

}  // namespace quench::report
