#include <gtest/gtest.h>

#include "core/gzip.h"
#include "core/hash.h"
#include "graph/onnx_write.h"
#include "graph/passes.h"
#include "graph/sparse_layers.h"
#include "models/spec.h"
#include "platform/measured.h"

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
  EXPECT_EQ(record.nonzero_params, record.params);
  EXPECT_FALSE(record.sparse.has_value() || record.compressed_file_bytes.has_value());
}

TEST(Measured, ScalesTellOfTheFactorsBetweenThem) {
  graph::ModelFile model = file_of("yolov8n-cls");
  const auto scales = [&](const std::map<std::string, std::string>& metadata) {
    record::Record record;
    graph::ModelFile quantized = model;
    for (const auto& [key, value] : metadata) quantized.graph.metadata[key] = value;
    set_model(record, quantized);
    return record.scales;
  };
  EXPECT_FALSE(scales({}).has_value());
  EXPECT_EQ(scales({{"scales", "power_of_two"}}), "power_of_two");
  EXPECT_EQ(scales({{"requantization", "dyadic"}}), "dyadic");
  EXPECT_EQ(scales({{"scales", "power_of_two"}, {"requantization", "dyadic"}}), "power_of_two, dyadic");
}

TEST(Measured, APredictedLatencyIsOfTheRowsThatItWasPredictedFor) {
  graph::ModelFile model = file_of("yolov8n-cls");
  const auto predicted = [&](const char* device, const char* runtime, int64_t threads) {
    record::Record record;
    record.device = device;
    record.runtime = runtime;
    record.threads = threads;
    set_predicted(record, model);
    return record.predicted_latency_ns;
  };
  EXPECT_FALSE(predicted("host", "native", 1).has_value());
  model.graph.metadata["pruned"] =
      R"([{"params": 1}, {"latency_ns": 1200, "latency_device": "host", "latency_runtime": "native",)"
      R"( "latency_threads": 1, "latency_precision": "fp32"}])";
  EXPECT_EQ(predicted("host", "native", 1), 1200);
  EXPECT_FALSE(predicted("nano", "native", 1).has_value());
  EXPECT_FALSE(predicted("host", "torch", 1).has_value());
  EXPECT_FALSE(predicted("host", "native", 2).has_value());
  for (graph::Edge& edge : model.graph.edges) {
    if (edge.name == "images") edge.quant = graph::QuantParams{DType::u8, 8, {1.0f / 255}, {0}, -1};
  }
  EXPECT_FALSE(predicted("host", "native", 1).has_value()) << "it was for the float model";
  model.graph.metadata["pruned"] = "no JSON";
  EXPECT_FALSE(predicted("host", "native", 1).has_value());
}

TEST(Measured, ZerosAreCountedAndCompressed) {
  graph::ModelFile model = file_of("yolov8n-cls");
  record::Record dense, sparse;
  set_model(dense, model);
  set_compressed(dense, model);
  EXPECT_EQ(gunzip(gzip(model.bytes), "t"), model.bytes);
  EXPECT_EQ(dense.compressed_file_bytes, static_cast<int64_t>(gzip(model.bytes).size()));
  const char* name = "model.6.cv1.conv";
  auto values = model.graph.weights.at(std::string(name) + ".weight").value.mutable_values<float>();
  std::ranges::fill(values, 0.0f);
  graph::set_sparse_layers(model.graph, {{name, {"kernel", 1}}, {"model.1.conv", {"2:4", 0.5}}});
  model.bytes = graph::write_onnx(model.graph);
  set_model(sparse, model);
  set_compressed(sparse, model);
  EXPECT_EQ(sparse.sparse, "2:4, kernel");
  EXPECT_EQ(sparse.params, dense.params);
  EXPECT_EQ(sparse.nonzero_params, *dense.params - static_cast<int64_t>(values.size()));
  EXPECT_NEAR(static_cast<double>(*sparse.file_bytes), static_cast<double>(*dense.file_bytes), 1000);
  EXPECT_LT(*sparse.compressed_file_bytes, *dense.compressed_file_bytes - 3 * static_cast<int64_t>(values.size()));
}

// A pruned or sparse model once called itself fp32, the baseline that it is compared with.
TEST(Measured, TheMethodSaysWhatWasDone) {
  graph::ModelFile model = file_of("yolov5n-cls");
  const auto method = [&] {
    record::Record record;
    set_model(record, model);
    return record.method.value();
  };
  EXPECT_EQ(method(), "fp32");
  model.graph.metadata["method"] = "ptq";
  EXPECT_EQ(method(), "ptq");
  model.graph.metadata["pruned"] = "[{}]";
  EXPECT_EQ(method(), "pruned+ptq");
  model.graph.metadata.erase("method");
  EXPECT_EQ(method(), "pruned");
  graph::set_sparse_layers(model.graph, {{"model.1.conv", {"2:4", 0.5}}});
  EXPECT_EQ(method(), "pruned+sparse");
  model.graph.metadata.erase("pruned");
  EXPECT_EQ(method(), "sparse");
}

// A model with one layer of 4 bits is one of 8, and says which layer is not.
TEST(Measured, OneNarrowLayerIsNotTheWholeModel) {
  graph::ModelFile model = file_of("yolov5n");
  model.graph = graph::fold_batch_norms(model.graph);
  for (auto& [name, weight] : model.graph.weights) {
    if (!name.ends_with("conv.weight")) continue;
    const int bits = name == "model.3.conv.weight" ? 4 : 8;
    weight.quant = graph::QuantParams{.dtype = DType::i8, .bits = bits, .scale = {1}, .zero_point = {0}};
  }
  for (graph::Edge& edge : model.graph.edges) edge.quant = graph::QuantParams{.scale = {1}, .zero_point = {0}};
  record::Record record;
  set_model(record, model);
  EXPECT_EQ(record.bits_w, 8);
  EXPECT_EQ(record.bits_a, 8);
  EXPECT_EQ(record.layer_bits, "model.3.conv=w4");
  EXPECT_GT(record.bits_w_mean.value(), 7);
  EXPECT_LT(record.bits_w_mean.value(), 8);
  record::Record plain;
  set_model(plain, file_of("yolov5n"));
  EXPECT_EQ(plain.bits_w, 32);
  EXPECT_FALSE(plain.bits_w_mean.has_value() || plain.layer_bits.has_value());
}

TEST(Measured, GroupsAreThoseOfTheWeights) {
  graph::ModelFile model = file_of("yolov5n");
  model.graph = graph::fold_batch_norms(model.graph);
  record::Record record;
  set_model(record, model);
  EXPECT_FALSE(record.group_size.has_value());
  const int64_t before = *record.weights_bytes;
  graph::Weight& weight = model.graph.weights.at("model.2.cv1.conv.weight");  // [16,32,1,1]
  weight.quant = graph::QuantParams{DType::i8, 4, std::vector<float>(16, 1), std::vector<int32_t>(16, 0), 0};
  weight.quant->group_size = 12;
  weight.quant->group_factors.assign(16 * 3, 2);
  set_model(record, model);
  EXPECT_EQ(record.group_size, 12);
  // Codes and factors of 4 bits, scales and zero points in place of floats.
  EXPECT_EQ(*record.weights_bytes, before - 512 * 4 + 512 / 2 + 48 / 2 + 16 * (4 + 1));
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
