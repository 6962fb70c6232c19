// Forecasts of a study: entries of its file, and records made of them.
#include <gtest/gtest.h>

#include "config/yaml.h"
#include "core/error.h"
#include "error_testing.h"
#include "graph_samples.h"
#include "models/spec.h"
#include "study/forecasts.h"

namespace quench::study {
namespace {

using devices::Engine;
using devices::Precision;

StudyFile study_of(const std::string& forecast) {
  return check_study(config::parse_yaml("study: s\nmodels: [yolov5n-cls]\nimgsz: 32\n"
                                        "methods: [fp32, {method: ptq, observer: mse}]\nruntimes: [native, torch]\n" +
                                            (forecast.empty() ? "" : "forecast: " + forecast),
                                        "s.yaml"),
                     "s.yaml");
}

std::string forecast_error(const std::string& forecast) {
  try {
    study_of(forecast);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::config) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "expected an Error: " << forecast;
  return "";
}

TEST(ForecastEntries, AreExpandedWithDefaults) {
  EXPECT_TRUE(study_of("").forecast.empty());
  const auto both = study_of("{device: jetson-nano}").forecast;
  ASSERT_EQ(both.size(), 5u);  // CPU: fp32, int8; GPU: fp32, fp16, int8
  EXPECT_EQ(both[0].deployment.engine, Engine::cpu);
  EXPECT_EQ(both[0].deployment.runtime, "native");
  EXPECT_EQ(both[2].deployment.runtime, "tensorrt");
  EXPECT_EQ(both[4].deployment.runtime, "tensorrt-fp16");
  EXPECT_EQ(both[4].deployment.precision, Precision::int8);
  const auto chosen =
      study_of("[{device: [a, b], engine: gpu, precision: fp16, mode: 5W}, {device: c, runtime: ncnn, threads: 2}]")
          .forecast;
  ASSERT_EQ(chosen.size(), 4u);
  EXPECT_EQ(chosen[1].device, "b");
  EXPECT_EQ(chosen[1].deployment.mode, "5W");
  EXPECT_EQ(chosen[2].deployment.engine, Engine::cpu);  // a runtime says its engine
  EXPECT_EQ(chosen[3].deployment.threads, 2);
}

// Study files of before say `predict`.
TEST(ForecastEntries, TheOldKeyIsRead) {
  const auto study = [](const std::string& keys) {
    return check_study(config::parse_yaml("study: s\nmodels: [yolov5n-cls]\nmethods: [fp32]\n" + keys, "old"), "old");
  };
  const std::string entry = "{device: jetson-nano, engine: gpu, precision: [fp16, int8]}\n";
  ASSERT_EQ(study("predict: " + entry).forecast.size(), 2u);
  EXPECT_EQ(study("predict: " + entry).forecast, study("forecast: " + entry).forecast);
  const auto message = [&](const std::string& keys) { return quench::error_of([&] { study(keys); }).second; };
  EXPECT_NE(message("predict: {device: jetson-nano, engine: npu}\n").find("old.predict"), std::string::npos);
  EXPECT_NE(message("predict: " + entry + "forecast: " + entry).find("got both"), std::string::npos);
}

TEST(ForecastEntries, BadOnesAreNamed) {
  const std::pair<const char*, const char*> cases[] = {
      {"{engine: gpu}", "expected the key 'device'"},
      {"{device: jetson-nano, engin: gpu}", "did you mean 'engine'"},
      {"{device: jetson-nano, engine: npu}", "npu"},
      {"{device: jetson-nano, precision: [fp16, int4]}", "int4"},
      {"{device: jetson-nano, threads: many}", "threads"},
      {"{device: 7}", "device"},
      {"jetson-nano", "expected a map"},
      {"[{device: a, engine: cpu}, {device: a, engine: cpu, precision: int8}]", "int8 on the cpu of a twice"},
  };
  for (const auto& [forecast, part] : cases) {
    const std::string message = forecast_error(forecast);
    EXPECT_NE(message.find("s.yaml.forecast"), std::string::npos) << message;
    EXPECT_NE(message.find(part), std::string::npos) << message;
  }
}

class ForecastRecords : public testing::Test {
 protected:
  ForecastRecords() {
    models::BuildOptions options;
    options.imgsz = 32;
    model_.graph = models::build("yolov5n-cls", options);
  }
  std::vector<record::Record> forecast(const StudyFile& study) {
    const std::vector<Cell> cells = expand(study, {});
    return forecast_records(study, cells, known_, catalog_, [this](const Cell&) {
      ++opened_;
      return model_;
    });
  }
  /// A result of every cell of the study, with another accuracy each.
  void measure(const StudyFile& study) {
    double top1 = 0.5;
    for (const Cell& cell : expand(study, {})) {
      record::Record record;
      record.cell = cell.id;
      record.runtime = cell.runtime;
      record.top1 = top1 += 0.01;
      record.samples = 100;
      record.agreement = 0.9;
      record.latency_p50_ns = 5;
      record.latency_p90_ns = 6;
      known_[cell.id] = record;
    }
  }

  devices::Catalog catalog_ = devices::load_catalog({std::filesystem::path(QUENCH_SOURCE_DIR) / "devices"});
  graph::ModelFile model_;
  std::map<std::string, record::Record> known_;
  int opened_ = 0;
};

TEST_F(ForecastRecords, AccuraciesAreMeasuredLatenciesForecast) {
  const StudyFile study = study_of("{device: jetson-nano}");
  measure(study);
  const auto records = forecast(study);
  ASSERT_EQ(records.size(), 5u);  // fp32: CPU fp32, GPU fp32 and fp16; ptq: int8 on both
  EXPECT_EQ(opened_, 2);          // each artifact once
  const auto find = [&](const std::string& cell) {
    for (const record::Record& record : records) {
      if (record.cell == cell) return record;
    }
    ADD_FAILURE() << "no record " << cell;
    return record::Record{};
  };
  const record::Record int8 = find("yolov5n-cls@32/ptq/mse/jetson-nano/cpu/native/int8/s0");
  EXPECT_EQ(int8.status, "ok");
  EXPECT_EQ(int8.latency_source, "forecast");
  EXPECT_GT(*int8.latency_p50_ns, 5);
  EXPECT_FALSE(int8.latency_p90_ns.has_value());  // was the host's
  EXPECT_FALSE(int8.agreement.has_value());
  EXPECT_EQ(int8.samples, 100);
  EXPECT_EQ(int8.method, "ptq");
  EXPECT_EQ(int8.setting, "mse");
  EXPECT_EQ(int8.device, "jetson-nano");
  const std::string source = int8.config["accuracy_from"];
  EXPECT_EQ(source, "yolov5n-cls@32/ptq/mse/native/t1/s0");  // of the same runtime
  EXPECT_EQ(int8.top1, known_.at(source).top1);
  EXPECT_EQ(find("yolov5n-cls@32/fp32/jetson-nano/gpu/tensorrt-fp16/fp16/s0").status, "ok");
  const record::Record refused = find("yolov5n-cls@32/ptq/mse/jetson-nano/gpu/tensorrt-fp16/int8/s0");
  EXPECT_EQ(refused.status, "unsupported");
  EXPECT_NE(refused.reason->find("compute capability 5.3 has no INT8"), std::string::npos);
  EXPECT_FALSE(refused.top1.has_value());  // nothing ran there
}

// An INT8 file for the CPU is not what TensorRT would run: its accuracy and a latency there do not belong together.
TEST_F(ForecastRecords, AFileForAnotherRuntimeIsNotForecastOnAGpu) {
  const StudyFile study = study_of("{device: jetson-orin-nano, precision: int8}");
  measure(study);
  graph::samples::QuantizeOptions options;
  model_.graph = graph::samples::quantized(model_.graph, options);
  model_.graph.metadata["target"] = "native";
  const auto records = forecast(study);
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].runtime, "native");
  EXPECT_EQ(records[0].status, "ok");
  EXPECT_TRUE(records[0].top1.has_value());
  EXPECT_EQ(records[1].status, "unsupported");
  EXPECT_NE(records[1].reason->find("quantized for native; use --target tensorrt"), std::string::npos);
  EXPECT_FALSE(records[1].top1.has_value());
  options.symmetric = true;
  model_.graph = models::build("yolov5n-cls", {.classes = {}, .imgsz = 32});
  model_.graph = graph::samples::quantized(model_.graph, options);
  EXPECT_EQ(forecast(study)[1].status, "ok");
}

TEST_F(ForecastRecords, WhatTheDeviceMeasuredIsNotForecast) {
  const std::string forecast_it =
      "[{device: jetson-nano, engine: cpu}, {device: jetson-nano, engine: cpu, mode: 5W}]\n";
  const std::string devices = "devices: [host, {name: jetson-nano, address: ssh://nano}]\nthreads: ";
  const StudyFile all_cores = study_of(forecast_it + devices + "[1, 4]");
  measure(all_cores);
  auto records = forecast(all_cores);
  ASSERT_EQ(records.size(), 2u);  // fp32 and int8, in the power mode that was not measured
  for (const record::Record& record : records) EXPECT_EQ(record.device, "jetson-nano (5W)");

  known_.clear();
  const StudyFile one_core = study_of(forecast_it + devices + "1");
  measure(one_core);
  EXPECT_EQ(forecast(one_core).size(), 4u);
}

TEST_F(ForecastRecords, WithoutAResultTheySayWhy) {
  const StudyFile study = study_of("{device: raspberry-pi-5, engine: cpu, precision: fp32}");
  record::Record failed;
  failed.status = "failed";
  failed.reason = "no data";
  known_[expand(study, {}).front().id] = failed;
  const auto records = forecast(study);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].status, "skipped");
  EXPECT_NE(records[0].reason->find("no data"), std::string::npos);
  EXPECT_EQ(opened_, 0);
}

TEST_F(ForecastRecords, DevicesAreCheckedBeforeWork) {
  EXPECT_NO_THROW(require_devices(study_of("{device: jetson-nano, mode: 5W}"), catalog_));
  EXPECT_THROW(require_devices(study_of("{device: jetson-nanu}"), catalog_), Error);
  EXPECT_THROW(require_devices(study_of("{device: jetson-nano, mode: 50W}"), catalog_), Error);
  EXPECT_THROW(require_devices(study_of("{device: jetson-nano, runtime: foo}"), catalog_), Error);
  EXPECT_THROW(require_devices(study_of("{device: jetson-nano, engine: cpu, threads: 9}"), catalog_), Error);
  EXPECT_NO_THROW(require_devices(study_of("{device: raspberry-pi-5, runtime: ncnn, threads: 4}"), catalog_));
}

TEST_F(ForecastRecords, TheCatalogIsReadAndCheckedWhereItIsNeeded) {
  const std::vector<std::filesystem::path> folders{std::filesystem::path(QUENCH_SOURCE_DIR) / "devices"};
  EXPECT_TRUE(catalog_of(study_of(""), {"/nowhere"}).devices.empty());
  EXPECT_THROW(catalog_of(study_of("{device: jetson-nano}"), {"/nowhere"}), Error);
  EXPECT_EQ(catalog_of(study_of("{device: jetson-nano}"), folders).devices.size(), catalog_.devices.size());
  EXPECT_THROW(catalog_of(study_of("{device: jetson-nano, mode: 50W}"), folders), Error);
}

TEST(SameFinding, IgnoresTimeAndVersion) {
  record::Record a, b;
  a.time = "2026";
  b.quench_version = "2";
  EXPECT_TRUE(same_finding(a, b));
  b.latency_p50_ns = 1;
  EXPECT_FALSE(same_finding(a, b));
}

}  // namespace
}  // namespace quench::study
