// What a model asks for, what a machine has, and the forecast that follows.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "devices/forecast.h"
#include "devices/latency_fit.h"
#include "graph/passes.h"
#include "graph_samples.h"
#include "metrics/cost.h"
#include "models/spec.h"

namespace quench::devices {
namespace {

graph::Graph model(const std::string& name, int imgsz, int classes = 0) {
  models::BuildOptions options;
  options.imgsz = imgsz;
  for (int i = 0; i < classes; ++i) options.classes.push_back(std::to_string(i));
  return models::build(name, options);
}

Device board() {
  Device device;
  device.name = "board";
  device.cpu = {"CPU", "aarch64", 4, 1000.0, {"asimd"}, {32.0, {}, {}, 64.0}};
  device.gpu = Gpu{"GPU", "Maxwell", "5.3", 128, 0, 500.0, {100.0, {}, 200.0, {}}};
  device.bandwidth_gbs = 10;
  device.power_modes = {{"full", 10, {}, {}, {}, {}}, {"half", 5, 2, 500, 250, 5}, {"some", 7, {}, {}, {}, {}}};
  return device;
}

// The two folds over a graph are written apart: they must count the same.
TEST(ModelWork, CountsWhatCostCounts) {
  for (const char* name : {"yolov5n", "yolov8n", "yolov5n-cls", "yolov8s-cls"}) {
    const graph::Graph graph = model(name, 64);
    const ModelWork work = work_of(graph);
    const metrics::Cost cost = metrics::cost(graph::fold_batch_norms(graph));
    EXPECT_EQ(work.macs(), cost.macs) << name;
    EXPECT_EQ(work.weight_elements, cost.params) << name;
    EXPECT_FALSE(work.quantized);
    EXPECT_EQ(work.convolutional, !std::string(name).ends_with("-cls")) << name;
  }
}

TEST(ModelWork, DoublingTheImageQuadruplesTheWorkOfADetector) {
  const ModelWork small = work_of(model("yolov8n", 64)), large = work_of(model("yolov8n", 128));
  EXPECT_EQ(large.macs(), 4 * small.macs());
  EXPECT_EQ(large.arena_elements, 4 * small.arena_elements);
  EXPECT_EQ(large.weight_elements, small.weight_elements);
  ASSERT_EQ(large.layers.size(), small.layers.size());
  for (size_t i = 0; i < small.layers.size(); ++i) {
    EXPECT_EQ(large.layers[i].positions, 4 * small.layers[i].positions) << i;
  }
}

// One Graph of a detector serves all sizes: its work grows exactly.
TEST(ModelWork, IsEnlargedWithoutBuildingAgain) {
  for (const char* name : {"yolov5n", "yolov8s", "yolov8:d0.67w0.25"}) {
    const ModelWork grown = enlarged(work_of(model(name, 32)), 5), built = work_of(model(name, 160));
    ASSERT_EQ(grown.layers.size(), built.layers.size());
    for (size_t i = 0; i < built.layers.size(); ++i) {
      EXPECT_EQ(grown.layers[i].positions, built.layers[i].positions) << name << " " << i;
      EXPECT_EQ(grown.layers[i].input_elements, built.layers[i].input_elements) << name << " " << i;
      EXPECT_EQ(grown.layers[i].elements_moved, built.layers[i].elements_moved) << name << " " << i;
      EXPECT_EQ(grown.layers[i].strided, built.layers[i].strided) << name << " " << i;
    }
    EXPECT_EQ(grown.arena_elements, built.arena_elements);
    EXPECT_EQ(grown.weight_elements, built.weight_elements);
    EXPECT_TRUE(built.convolutional);
  }
}

/// conv 3x3 (3 -> 5), added to itself through a pool: small enough to count by hand.
graph::Graph by_hand() {
  graph::Graph graph;
  const auto edge = [&](const char* name, int64_t channels) {
    return graph.add_edge({name, {1, channels, 4, 4}, DType::f32, {}});
  };
  const auto images = edge("images", 3), a = edge("a", 5), b = edge("b", 5), c = edge("c", 5);
  graph.inputs = {images};
  graph.outputs = {c};
  graph::ConvAttributes conv;
  conv.kernel = {3, 3};
  conv.padding = {1, 1};
  graph.nodes.push_back({"conv", graph::Op::conv, conv, {images}, {a}});
  graph.weights["conv.weight"] = {Tensor(DType::f32, {5, 3, 3, 3}), {}};
  graph.nodes.push_back({"pool", graph::Op::max_pool, graph::PoolAttributes{{3, 3}, {1, 1}, {1, 1}}, {a}, {b}});
  graph.nodes.push_back({"add", graph::Op::add, {}, {a, b}, {c}});
  return graph;
}

TEST(ModelWork, AHandCountedGraph) {
  const ModelWork work = work_of(by_hand());
  ASSERT_EQ(work.layers.size(), 3u);
  EXPECT_EQ(work.layers[0].macs(), 16 * 9 * 3 * 5);
  EXPECT_EQ(work.layers[0].elements_moved, 48 + 80 + 135);
  EXPECT_EQ(work.layers[0].input_elements, 48);
  EXPECT_EQ(work.layers[0].output_elements(), 80);
  EXPECT_EQ(work.layers[0].weight_elements(), 135);
  EXPECT_EQ(work.layers[1].macs(), 0);
  EXPECT_EQ(work.layers[1].elements_moved, 160);
  EXPECT_EQ(work.layers[2].elements_moved, 240);
  EXPECT_EQ(work.arena_elements, 240);  // a, b and c at the add
  EXPECT_EQ(work.weight_elements, 135);
  EXPECT_EQ(memory_need(work, Precision::fp16), 2 * (240 + 135));
}

graph::Graph quantized_model(bool symmetric, const std::string& target) {
  graph::samples::QuantizeOptions options;
  options.symmetric = symmetric;
  graph::Graph graph = graph::samples::quantized(model("yolov5n-cls", 64, 10), options);
  graph.metadata["target"] = target;
  return graph;
}

TEST(ModelWork, SaysHowAFileIsQuantized) {
  const ModelWork plain = work_of(model("yolov5n-cls", 64, 10));
  EXPECT_TRUE(plain.symmetric_int8);
  EXPECT_EQ(plain.target, "");
  const ModelWork native = work_of(quantized_model(false, "native"));
  EXPECT_TRUE(native.quantized);
  EXPECT_FALSE(native.symmetric_int8);
  EXPECT_EQ(native.target, "native");
  EXPECT_TRUE(work_of(quantized_model(true, "tensorrt")).symmetric_int8);
}

TEST(Machine, ScalesWithClocksCoresAndThreads) {
  const Device device = board();
  const Machine full = machine_of(device, Engine::cpu, "", 0);
  EXPECT_EQ(full.peak.fp32_gflops, 32.0);
  EXPECT_EQ(full.clock_ghz, 1);
  EXPECT_EQ(full.threads, 4);
  const Machine half = machine_of(device, Engine::cpu, "half", 0);
  EXPECT_EQ(half.peak.fp32_gflops, 8.0);  // half the cores at half the clock
  EXPECT_EQ(half.bandwidth_gbs, 5);
  EXPECT_EQ(half.threads, 2);
  EXPECT_EQ(machine_of(device, Engine::cpu, "", 1).peak.int8_gops, 16.0);
  EXPECT_EQ(machine_of(device, Engine::cpu, "", 4).threads, 4);
  EXPECT_EQ(machine_of(device, Engine::gpu, "half", 0).peak.fp16_gflops, 100.0);
}

TEST(Machine, HasNoMoreThreadsThanCores) {
  const auto message = [](const char* mode, int64_t threads) -> std::string {
    try {
      machine_of(board(), Engine::cpu, mode, threads);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::config);
      return error.what();
    }
    return "";
  };
  EXPECT_NE(message("", 9).find("board has 4 cores, got 9 threads"), std::string::npos) << message("", 9);
  EXPECT_NE(message("half", 3).find("board has 2 cores in mode half"), std::string::npos) << message("half", 3);
  EXPECT_EQ(used_threads(board(), "half", 2), 2);
  EXPECT_EQ(used_threads(board(), "half", 0), 2);
}

TEST(Machine, WhatIsNotKnownIsNotGuessed) {
  Device device = board();
  const auto fails = [&](Engine engine, const char* mode, const std::string& part) {
    try {
      machine_of(device, engine, mode, 0);
      ADD_FAILURE() << "expected an Error: " << part;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    }
  };
  fails(Engine::gpu, "some", "the GPU clock of board in mode some is not known");
  fails(Engine::cpu, "none", "no power mode 'none'");
  fails(Engine::dla, "", "DLA");
  device.bandwidth_gbs.reset();
  fails(Engine::cpu, "full", "the memory bandwidth");
  device.gpu.reset();
  fails(Engine::gpu, "full", "no GPU");
  const Machine machine = machine_of(board(), Engine::gpu, "", 0);
  EXPECT_THROW(arithmetic_of(machine, "tensorrt", Precision::int8), Error);
}

TEST(Terms, AreWhatAMachineWithoutLossesTakes) {
  const ModelWork work = work_of(by_hand());
  const Terms terms = terms_of(work, machine_of(board(), Engine::cpu, "", 0), "native", Precision::fp32);
  EXPECT_DOUBLE_EQ(terms[kFixed], 1e6);
  EXPECT_DOUBLE_EQ(terms[kPositions], 16);
  EXPECT_DOUBLE_EQ(terms[kCompute], 2.0 * 16 * 9 * 8 * 8 / 32);  // channels in blocks of 8
  EXPECT_DOUBLE_EQ(terms[kMemory], 4.0 * (48 + 80 + 135 + 160 + 240) / 10);
  const Terms half = terms_of(work, machine_of(board(), Engine::gpu, "", 0), "tensorrt", Precision::fp16);
  EXPECT_DOUBLE_EQ(half[kCompute], 2.0 * 16 * 9 * 16 * 64 / 200);  // in blocks of 16 x 64
  EXPECT_DOUBLE_EQ(half[kMemory], terms[kMemory] / 2);
  EXPECT_DOUBLE_EQ(latency_of(terms, {2, 0, 1, 0}), 2e6 + terms[kCompute]);
}

LayerWork layer(int64_t positions, int64_t area, int64_t in, int64_t out, bool strided) {
  LayerWork work;
  work.positions = positions;
  work.kernel_area = area;
  work.in_channels = in;
  work.out_channels = out;
  work.input_elements = positions * in * (strided ? 4 : 1);
  work.elements_moved = work.input_elements + work.output_elements() + work.weight_elements();
  work.strided = strided;
  return work;
}

// The form by layers, counted by hand: peaks are 32 (CPU) and 100 (GPU) operations a ns, clocks 1 and 0.5 GHz, memory
// 10 bytes a ns.
TEST(Terms, TellLayersApart) {
  const auto of = [](const LayerWork& one, Engine engine) {
    ModelWork work;
    work.layers = {one};
    return terms_of(work, machine_of(board(), engine, "", 0), engine == Engine::cpu ? "native" : "onnxruntime-cuda",
                    Precision::fp32);
  };
  const Terms pointwise = of(layer(100, 1, 16, 12, false), Engine::cpu);
  EXPECT_DOUBLE_EQ(pointwise[kMacs], 2.0 * 100 * 16 * 12 / 32);
  EXPECT_DOUBLE_EQ(pointwise[kPointwise], 2.0 * 104 * 16 * 16 / 32);
  EXPECT_DOUBLE_EQ(pointwise[kOutputs], 4.0 * 100 * 12 / 10);
  EXPECT_DOUBLE_EQ(pointwise[kLayers], 1000);
  EXPECT_DOUBLE_EQ(pointwise[kPointwiseLayers], 1000);
  for (const TermIndex none : {kHeavy, kFew, kStrided, kSpilled}) EXPECT_EQ(pointwise[none], 0) << kTermNames[none];

  const Terms heavy = of(layer(49, 9, 256, 256, false), Engine::cpu);  // 2.25 MiB of weights at 49 positions
  EXPECT_DOUBLE_EQ(heavy[kHeavy], heavy[kMacs]);
  EXPECT_DOUBLE_EQ(heavy[kFew], heavy[kMacs]);
  EXPECT_EQ(heavy[kPointwise], 0);
  EXPECT_EQ(of(layer(64, 9, 256, 256, false), Engine::cpu)[kFew], 0);
  EXPECT_EQ(of(layer(49, 9, 64, 64, false), Engine::cpu)[kFew], 0);  // weights that stay in the cache

  const Terms gpu = of(layer(100, 9, 16, 24, true), Engine::gpu);
  EXPECT_DOUBLE_EQ(gpu[kMacs], 2.0 * 100 * 9 * 16 * 24 / 100);
  EXPECT_DOUBLE_EQ(gpu[kStrided], 2.0 * 100 * 9 * 16 * 64 / 100);
  EXPECT_DOUBLE_EQ(gpu[kRamp], 2 * 1e6 * std::pow(128.0 * 9 * 16 * 32 / 1e6, 2.0 / 3) / 100);
  EXPECT_DOUBLE_EQ(gpu[kFew], gpu[kMacs]);  // fewer than 128 positions
  EXPECT_DOUBLE_EQ(gpu[kLayers], 2000);
  const Terms large = of(layer(20000, 1, 16, 8, false), Engine::gpu);
  EXPECT_DOUBLE_EQ(large[kSpilled], 4.0 * 20000 * 16 / 10);  // 1.2 MiB of inputs
  EXPECT_EQ(large[kFew], 0);
  EXPECT_EQ(large[kStrided], 0);
}

// Fewer channels are never slower, whatever the factors: what pruning for a latency rests on.
TEST(Terms, GrowWithChannels) {
  for (const Engine engine : {Engine::cpu, Engine::gpu}) {
    const Machine machine = machine_of(board(), engine, "", 0);
    for (int64_t area : {1, 9}) {
      Terms before{};
      for (int64_t channels = 8; channels <= 600; channels += 8) {
        ModelWork work;
        work.layers = {layer(49, area, channels, channels, area == 9)};
        const Terms terms = terms_of(work, machine, "onnxruntime", Precision::fp32);
        for (size_t i = 0; i < kTermCount; ++i) EXPECT_GE(terms[i], before[i]) << kTermNames[i] << " " << channels;
        before = terms;
      }
    }
  }
}

TEST(Terms, NcnnComputesInHalfPrecisionWhereACpuCan) {
  Device device = board();
  const ModelWork work = work_of(by_hand());
  const Machine plain = machine_of(device, Engine::cpu, "", 0);
  device.cpu.peak.fp16_gflops = 64;
  const Machine half = machine_of(device, Engine::cpu, "", 0);
  EXPECT_DOUBLE_EQ(terms_of(work, half, "ncnn", Precision::fp32)[kMemory],
                   terms_of(work, plain, "ncnn", Precision::fp32)[kMemory] / 2);
  EXPECT_DOUBLE_EQ(terms_of(work, half, "native", Precision::fp32)[kCompute],
                   terms_of(work, plain, "native", Precision::fp32)[kCompute]);
}

TEST(Terms, PublishedEnginesUseTf32) {
  Device device = board();
  const ModelWork work = work_of(by_hand());
  const Machine without = machine_of(device, Engine::gpu, "", 0);
  device.gpu->peak.tf32_gflops = 400;
  const Machine with = machine_of(device, Engine::gpu, "", 0);
  const auto compute = [&](const Machine& machine) {
    return terms_of(work, machine, "tensorrt", Precision::fp32)[kCompute];
  };
  EXPECT_DOUBLE_EQ(compute(with), compute(without));  // quench switches it off
  EXPECT_DOUBLE_EQ(compute(as_published(with)), compute(with) / 4);
  EXPECT_DOUBLE_EQ(compute(as_published(without)), compute(without));
}

TEST(Terms, FloatLayersOfAQuantizedModelStayFloat) {
  ModelWork work = work_of(by_hand());
  const Machine machine = machine_of(board(), Engine::cpu, "", 0);
  const double fp32 = terms_of(work, machine, "native", Precision::fp32)[kCompute];
  const double int8 = terms_of(work, machine, "native", Precision::int8)[kCompute];
  EXPECT_DOUBLE_EQ(int8, fp32 / 2);  // the board's INT8 peak is twice its FP32 peak
  work.quantized = true;             // another layer is: this one is not
  EXPECT_DOUBLE_EQ(terms_of(work, machine, "native", Precision::int8)[kCompute], fp32);
  work.layers[0].quantized = true;
  EXPECT_DOUBLE_EQ(terms_of(work, machine, "native", Precision::int8)[kCompute], int8);
}

LatencyFit fit() {
  LatencyFit fit;
  fit.fits.push_back({"", Engine::cpu, "onnxruntime", {0, 0, 2, 0}, 0.2, 4, {"fp32"}});
  fit.fits.push_back({"board", Engine::cpu, "ncnn", {0, 0, 3, 0}, 0.1, 2, {"fp32"}});
  return fit;
}

TEST(Forecast, TakesTheNearestFitAndSaysWhich) {
  const Device device = board();
  const Machine machine = machine_of(device, Engine::cpu, "", 0);
  const ModelWork work = work_of(by_hand());
  const double ideal = terms_of(work, machine, "native", Precision::fp32)[kCompute];
  const auto spread = [](const Forecast& p) { return std::log(static_cast<double>(p.high_ns) / p.latency_ns); };

  const Forecast seen = forecast_latency(fit(), device, machine, "ncnn", work, Precision::fp32);
  EXPECT_NEAR(seen.latency_ns, 3 * ideal, 1);
  EXPECT_NEAR(spread(seen), 0.1, 1e-2);
  EXPECT_NE(seen.evidence.find("2 measured latencies of board with ncnn"), std::string::npos) << seen.evidence;

  const Forecast unseen = forecast_latency(fit(), device, machine, "onnxruntime", work, Precision::fp32);
  EXPECT_NEAR(unseen.latency_ns, 2 * ideal, 1);
  EXPECT_NEAR(spread(unseen), 0.2, 1e-2);
  EXPECT_NE(unseen.evidence.find("other devices"), std::string::npos) << unseen.evidence;

  const Forecast fallback = forecast_latency(fit(), device, machine, "native", work, Precision::fp32);
  EXPECT_EQ(fallback.latency_ns, unseen.latency_ns);
  EXPECT_NEAR(spread(fallback), 0.4, 1e-2);
  EXPECT_NE(fallback.evidence.find("no measured latency with native"), std::string::npos);

  const Forecast other = forecast_latency(fit(), device, machine, "ncnn", work, Precision::int8);
  EXPECT_NEAR(spread(other), 0.2, 1e-2);
  EXPECT_NE(other.evidence.find("none in INT8"), std::string::npos) << other.evidence;

  EXPECT_THROW(
      forecast_latency(fit(), device, machine_of(device, Engine::gpu, "", 0), "tensorrt", work, Precision::fp16),
      Error);
}

// On a GPU: what the device's own latencies in the precision are of.
TEST(Forecasts, AGpuRunsWhatLatenciesAreKnownOf) {
  const Device device = board();
  LatencyFit known;
  EXPECT_EQ(preferred_runtime(known, device, Engine::gpu, Precision::fp32), "tensorrt");
  known.fits.push_back({"board", Engine::gpu, "tensorrt", {1}, 0.1, 4, {"fp16"}});
  known.fits.push_back({"board", Engine::gpu, "onnxruntime-cuda", {1}, 0.1, 177, {"fp32"}});
  known.fits.push_back({"other", Engine::gpu, "onnxruntime-cuda", {1}, 0.1, 500, {"fp16"}});
  EXPECT_EQ(preferred_runtime(known, device, Engine::gpu, Precision::fp32), "onnxruntime-cuda");
  EXPECT_EQ(preferred_runtime(known, device, Engine::gpu, Precision::fp16), "tensorrt-fp16");
  EXPECT_EQ(preferred_runtime(known, device, Engine::cpu, Precision::fp32), "native");
}

TEST(Fits, AreMergedEntryByEntry) {
  LatencyFit own;
  own.command = "mine";
  own.anchors = {"m"};
  own.fits.push_back({"board", Engine::cpu, "ncnn", {0, 0, 7, 0}, 0.1, 1, {"fp32"}});
  own.fits.push_back({"", Engine::cpu, "native", {0, 0, 6, 0}, 0.1, 2, {"fp32"}});
  own.fits.push_back({"", Engine::cpu, "onnxruntime", {0, 0, 9, 0}, 0.1, 1, {"fp32"}});
  LatencyFit built_in = fit();
  built_in.command = "theirs";
  built_in.anchors = {"t"};
  const LatencyFit both = merged(own, built_in);
  ASSERT_EQ(both.fits.size(), 3u);  // ncnn on the board is the user's, onnxruntime in general the other's
  EXPECT_EQ(both.command, "mine");
  EXPECT_EQ(both.anchors, (std::vector<std::string>{"m", "t"}));
  const Machine machine = machine_of(board(), Engine::cpu, "", 0);
  const ModelWork work = work_of(by_hand());
  const auto evidence = [&](const std::string& runtime) {
    return forecast_latency(both, board(), machine, runtime, work, Precision::fp32).evidence;
  };
  EXPECT_EQ(evidence("ncnn"), "1 measured latency of board with ncnn");
  EXPECT_EQ(evidence("native"), "measured latencies of other devices with native");
  EXPECT_EQ(evidence("onnxruntime"), "measured latencies of other devices with onnxruntime");
  const auto in_general = [](const LatencyFit& fit) {
    return std::ranges::find_if(fit.fits, [](const RuntimeFit& f) { return f.device + f.runtime == "onnxruntime"; })
        ->factors[kCompute];
  };
  EXPECT_EQ(in_general(both), 2);  // of four latencies, not of one
  own.fits.back().anchors = 4;
  EXPECT_EQ(in_general(merged(own, built_in)), 9);
  EXPECT_EQ(merged({}, built_in).fits.size(), 2u);
  EXPECT_EQ(merged({}, built_in).command, "theirs");
}

TEST(Forecast, AQuantizedModelIsForecastInItsIntegers) {
  ModelWork work = work_of(by_hand());
  EXPECT_EQ(precisions_of(work).size(), 3u);
  work.quantized = true;
  EXPECT_EQ(precisions_of(work), std::vector<Precision>{Precision::int8});
}

TEST(Forecast, WhatNobodyKnowsIsRefusedBeforeWork) {
  const auto message = [](const Deployment& how) -> std::string {
    try {
      require_known(fit(), board(), how);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::config);
      return error.what();
    }
    return "";
  };
  EXPECT_NE(message({Engine::cpu, "nativ", Precision::fp32, "", 0}).find("did you mean 'native'"), std::string::npos);
  EXPECT_NE(message({Engine::cpu, "", Precision::fp32, "full", 5}).find("4 cores"), std::string::npos);
  EXPECT_NE(message({Engine::gpu, "", Precision::fp32, "none", 0}).find("no power mode"), std::string::npos);
  EXPECT_EQ(message({Engine::gpu, "", Precision::fp32, "full", 5}), "");  // threads are the CPU's
  EXPECT_EQ(message({Engine::cpu, "ncnn", Precision::fp32, "half", 2}), "");
}

// A user may fit latencies of a runtime that no rule knows.
TEST(Forecast, AFittedRuntimeIsKnown) {
  LatencyFit own = fit();
  own.fits.push_back({"board", Engine::cpu, "my-engine", {0, 0, 5, 0}, 0.1, 2, {"fp32"}});
  const Deployment how{Engine::cpu, "my-engine", Precision::fp32, "", 0};
  EXPECT_THROW(require_known(fit(), board(), how), Error);
  EXPECT_NO_THROW(require_known(own, board(), how));
  record::Record record;
  set_forecast(record, own, board(), how, work_of(by_hand()));
  EXPECT_EQ(record.status, "ok") << *record.reason;
}

/// What the record of a deployment is, on a board whose GPU has (or has not) INT8.
record::Record record_of(const ModelWork& work, Engine engine, Precision precision, const char* cuda = "7.5") {
  Device device = board();
  device.gpu->compute_capability = cuda;
  device.gpu->peak.int8_gops = 400;
  LatencyFit with_gpu = fit();
  with_gpu.fits.push_back({"", Engine::gpu, "tensorrt", {0, 0, 2, 0}, 0.2, 4, {"fp16", "int8"}});
  record::Record record;
  record.method = "ptq";
  record.bits_w = 6;  // of the file
  record.bits_a = 8;
  record.bops = 5;
  set_forecast(record, with_gpu, device, {engine, "", precision, "", 0}, work);
  return record;
}

TEST(Forecast, AFileThatTensorRtRefusesHasNoLatencyThere) {
  const ModelWork native = work_of(quantized_model(false, "native"));
  const record::Record refused = record_of(native, Engine::gpu, Precision::int8);
  EXPECT_EQ(refused.status, "unsupported");
  EXPECT_NE(refused.reason->find("quantized for native; use --target tensorrt"), std::string::npos) << *refused.reason;
  EXPECT_FALSE(refused.latency_p50_ns.has_value());
  EXPECT_NE(record_of(work_of(quantized_model(false, "")), Engine::gpu, Precision::int8).reason->find("for others"),
            std::string::npos);
  EXPECT_EQ(record_of(native, Engine::cpu, Precision::int8).status, "ok");
  EXPECT_EQ(record_of(work_of(quantized_model(true, "tensorrt")), Engine::gpu, Precision::int8).status, "ok");
  // What the device cannot do comes first: another target would not help.
  const record::Record nano = record_of(native, Engine::gpu, Precision::int8, "5.3");
  EXPECT_NE(nano.reason->find("compute capability 5.3 has no INT8"), std::string::npos) << *nano.reason;
}

TEST(Forecast, AnInt8FileHasNoFloatLatency) {
  const ModelWork work = work_of(quantized_model(true, "tensorrt"));
  for (const auto& [engine, precision] :
       {std::pair{Engine::cpu, Precision::fp32}, {Engine::gpu, Precision::fp32}, {Engine::gpu, Precision::fp16}}) {
    const record::Record record = record_of(work, engine, precision);
    EXPECT_EQ(record.status, "unsupported");
    EXPECT_EQ(record.reason,
              std::string("the file is int8; precision ") + to_string(precision) + " needs the float model");
    EXPECT_FALSE(record.latency_p50_ns.has_value());
    EXPECT_EQ(record.bits_w, 6);  // still the file's
  }
}

TEST(Forecast, CostsAreOfTheRowsPrecision) {
  const graph::Graph graph = model("yolov5n-cls", 64, 10);
  const ModelWork work = work_of(graph);
  const metrics::Cost cost = metrics::cost(graph::fold_batch_norms(graph));
  const record::Record wide = record_of(work, Engine::cpu, Precision::fp32);
  EXPECT_EQ(wide.bops, cost.bops);
  EXPECT_EQ(wide.weights_bytes, cost.weights_bytes);
  const record::Record half = record_of(work, Engine::gpu, Precision::fp16);
  EXPECT_EQ(half.bops, cost.macs * 16 * 16);
  EXPECT_EQ(half.weights_bytes, cost.params * 2);
  const record::Record int8 = record_of(work, Engine::cpu, Precision::int8);
  EXPECT_EQ(int8.bits_w, 8);
  EXPECT_EQ(int8.bops, cost.macs * 8 * 8);
  EXPECT_EQ(int8.weights_bytes, cost.params);
  const record::Record file = record_of(work_of(quantized_model(true, "tensorrt")), Engine::cpu, Precision::int8);
  EXPECT_EQ(file.bits_w, 6);
  EXPECT_EQ(file.bits_a, 8);
  EXPECT_EQ(file.bops, 5);  // counted from the file, as it is
}

TEST(Forecast, FillsARecordOrSaysWhyNot) {
  const Device device = board();
  const ModelWork work = work_of(model("yolov5n-cls", 64, 10));
  record::Record record;
  set_forecast(record, fit(), device, {Engine::cpu, "", Precision::int8, "half", 1}, work);
  EXPECT_EQ(record.status, "ok");
  EXPECT_EQ(record.device, "board (half)");
  EXPECT_EQ(record.runtime, "native");
  EXPECT_EQ(record.bits_w, 8);
  EXPECT_EQ(record.threads, 1);
  EXPECT_EQ(record.latency_source, "forecast");
  EXPECT_LT(*record.latency_low_ns, *record.latency_p50_ns);
  EXPECT_GT(*record.latency_high_ns, *record.latency_p50_ns);
  EXPECT_FALSE(record.latency_p90_ns.has_value());
  EXPECT_EQ(record.config["mode"], "half");
  EXPECT_FALSE(record.config["evidence"].get<std::string>().empty());

  record::Record refused;
  set_forecast(refused, fit(), device, {Engine::gpu, "", Precision::int8, "", 0}, work);
  EXPECT_EQ(refused.status, "unsupported");
  EXPECT_EQ(refused.device, "board");
  EXPECT_NE(refused.reason->find("compute capability 5.3 has no INT8"), std::string::npos);
  EXPECT_FALSE(refused.latency_p50_ns.has_value());
  EXPECT_FALSE(refused.latency_source.has_value());

  record::Record no_fit;
  set_forecast(no_fit, fit(), device, {Engine::gpu, "", Precision::fp16, "", 0}, work);
  EXPECT_EQ(no_fit.status, "unsupported");
  EXPECT_NE(no_fit.reason->find("quench devices fit"), std::string::npos);
  EXPECT_THROW(set_forecast(no_fit, fit(), device, {Engine::cpu, "", Precision::fp32, "none", 0}, work), Error);
}

}  // namespace
}  // namespace quench::devices
