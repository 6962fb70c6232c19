#include "platform/measured.h"

#include <gtest/gtest.h>

#include "core/hash.h"
#include "graph/onnx_write.h"
#include "models/spec.h"

namespace quench::platform {
namespace {

graph::ModelFile file_of(const char* name) {
  graph::ModelFile model;
  model.graph = models::build(name, {});
  model.bytes = graph::write_onnx(model.graph);
  model.sha256 = sha256_hex(model.bytes);
  return model;
}

TEST(Measured, CountsAreOfTheModelAsDeployed) {
  const graph::ModelFile model = file_of("yolov5n");
  record::Record record;
  set_model(record, model);
  EXPECT_EQ(record.params, 1867405);  // published: YOLOv5n, fused
  EXPECT_EQ(record.model, "yolov5n");
  EXPECT_EQ(record.task, "detect");
  EXPECT_EQ(record.method, "fp32");
  EXPECT_EQ(record.imgsz, 640);
  EXPECT_EQ(*record.bops, *record.macs * 32 * 32);
  EXPECT_DOUBLE_EQ(*record.gflops, 2e-9 * static_cast<double>(*record.macs));
  EXPECT_EQ(record.file_bytes, static_cast<int64_t>(model.bytes.size()));
  EXPECT_EQ(record.model_sha256, model.sha256);
  EXPECT_FALSE(record.parent_sha256.has_value());
}

TEST(Measured, LatencyAndHost) {
  record::Record record;
  metrics::LatencySummary latency;
  latency.samples = 5;
  latency.p50_ns = 1;
  latency.p90_ns = 2;
  latency.p99_ns = 3;
  set_latency(record, latency);
  set_host(record, "1.2.3");
  EXPECT_EQ(record.latency_samples, 5);
  EXPECT_EQ(record.latency_p50_ns, 1);
  EXPECT_EQ(record.latency_p90_ns, 2);
  EXPECT_EQ(record.latency_p99_ns, 3);
  EXPECT_EQ(record.latency_source, "measured");
  EXPECT_EQ(record.quench_version, "1.2.3");
  EXPECT_FALSE(record.host->empty());
}

}  // namespace
}  // namespace quench::platform
