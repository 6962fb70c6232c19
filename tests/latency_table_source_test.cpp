// Which device a name means, and what a forecast says of layers.

#include <algorithm>

#include "config/tables.h"
#include "devices/catalog.h"
#include "devices/forecast.h"
#include "error_testing.h"
#include "latency_table/forecast.h"
#include "latency_table/source.h"
#include "models/spec.h"

namespace quench::latency_table {
namespace {

using graph::Graph;

const std::filesystem::path kDevices = std::filesystem::path(QUENCH_SOURCE_DIR) / "devices";

Graph detector() { return models::build("yolov8n", {.classes = {"a", "b"}, .imgsz = 320}); }

config::LatencySettings settings(const std::string& device, const std::string& precision = "fp32") {
  return {device, "native", 1, precision, false};
}

// By layers and as a whole it is one forecast, but for layers that the sum rounds to whole ns.
TEST(LatencyForecast, IsThatOfTheWholeModel) {
  const devices::Catalog catalog = devices::load_catalog({kDevices});
  for (const char* precision : {"fp32", "int8"}) {
    for (const char* name : {"raspberry-pi-5", "jetson-nano"}) {
      const Graph graph = detector();
      const devices::Device& device = catalog.require(name);
      const prune::Latency latency = forecast_latency(graph, device, catalog.fit, settings(name, precision));
      const devices::Machine machine = devices::machine_of(device, devices::Engine::cpu, "", 1);
      const devices::Forecast whole = devices::forecast_latency(
          catalog.fit, device, machine, "native", devices::work_of(graph), devices::precision_of(precision));
      const double sum = prune::LatencyCost(graph, prune::channel_groups(graph), latency).full();
      EXPECT_NEAR(sum, static_cast<double>(whole.latency_ns), static_cast<double>(latency.layers.size())) << name;
      EXPECT_EQ(latency.told.at("latency_source"), "forecast");
      for (const prune::Latency::Layer& layer : latency.layers) {
        for (int64_t width = 1; width < 40; ++width) {
          if (!layer.layer.shape.mixes()) continue;
          EXPECT_LE(layer.ns(width, 16), layer.ns(width + 1, 16)) << layer.layer.name;
          EXPECT_LE(layer.ns(16, width), layer.ns(16, width + 1)) << layer.layer.name;
        }
      }
    }
  }
}

TEST(LatencySource, NamesMeanDevices) {
  Surroundings where;
  where.device_folders = {kDevices};
  where.boards = {{"bench-board", "ssh://pi@board:22", "", ""}};
  const std::string host = device_digest(settings("host"), where),
                    board = device_digest(settings("bench-board"), where),
                    address = device_digest(settings("ssh://pi@board:22"), where),
                    nano = device_digest(settings("jetson-nano"), where),
                    pi = device_digest(settings("raspberry-pi-5"), where);
  EXPECT_EQ(board, address);
  EXPECT_NE(host, board);
  EXPECT_NE(nano, pi);
  EXPECT_FALSE(host.empty());
  const auto [kind, text] = error_of([&] { device_digest(settings("jetson-nan"), where); });
  EXPECT_EQ(kind, ErrorKind::config);
  EXPECT_NE(text.find("did you mean"), std::string::npos) << text;
}

TEST(LatencySource, WhatCannotBeTimedIsSaid) {
  Surroundings where;
  where.device_folders = {kDevices};
  const LogSink log;
  const CancelToken cancel;
  const prune::LatencyOf of = latency_of(where, log, cancel);
  const auto said = [&](const Json& values) { return error_of([&] { of(detector(), values); }); };
  EXPECT_EQ(said({{"latency_device", "nowhere"}}).first, ErrorKind::config);
  EXPECT_EQ(said({{"latency_runtime", "onnxruntime"}}).first, ErrorKind::config);
  EXPECT_EQ(said({{"latency_device", "jetson-nano"}, {"latency_threads", 99}}).first, ErrorKind::config);
  const auto [kind, text] = said({{"latency_threads", 1024}});  // of this machine, whose processors are fewer
  EXPECT_EQ(kind, ErrorKind::config);
  EXPECT_NE(text.find("latency_threads"), std::string::npos) << text;
  EXPECT_EQ(
      said({{"latency_device", "jetson-nano"}, {"latency_runtime", "tensorrt-fp16"}, {"latency_precision", "int8"}})
          .first,
      ErrorKind::unsupported);
  EXPECT_EQ(said({{"latency_device", "ssh://nobody@127.0.0.1:1"}}).first, ErrorKind::io);
}

}  // namespace
}  // namespace quench::latency_table
