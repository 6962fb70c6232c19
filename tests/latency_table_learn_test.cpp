// How a table is learned: what is asked for, what is kept, what a real machine answers.

#include <unistd.h>

#include <future>
#include <set>
#include <thread>

#include "config/tables.h"
#include "core/file.h"
#include "core/json_text.h"
#include "error_testing.h"
#include "graph/verify.h"
#include "latency_table/learn.h"
#include "latency_table/table_lock.h"
#include "models/spec.h"
#include "platform/layer_times.h"
#include "prune/prune.h"
#include "runtime/native/native.h"

namespace quench::latency_table {
namespace {

namespace fs = std::filesystem;
using graph::Graph;

Graph model(const char* name = "yolov5n-cls") { return models::build(name, {.classes = {"a", "b"}, .imgsz = 32}); }

/// A made-up machine: 4 inputs and 8 outputs at a time. Breaks off after `left` calls.
class MadeUp : public Timer {
 public:
  std::string device() const override { return "made-up"; }
  size_t at_once() const override { return 1; }
  std::vector<std::vector<double>> layers(const std::vector<platform::LayerWidths>& all) override {
    if (left-- == 0) fail(ErrorKind::io, "gone");
    ++calls;
    std::vector<std::vector<double>> out;
    for (const platform::LayerWidths& entry : all) {
      std::vector<double>& times = out.emplace_back();
      for (const int64_t width : entry.out) times.push_back(time(entry.in, width));
    }
    return out;
  }
  double model(const Graph& graph) override {
    ++models;
    whole = 0;
    for (const metrics::ShapedLayer& layer : metrics::shaped_layers(graph, false)) {
      whole += factor * time(layer.in_channels, layer.shape.mixes() ? layer.out_channels : layer.in_channels);
    }
    return whole;
  }
  int left = -1, calls = 0, models = 0;
  double factor = 1.2, whole = 0;  ///< of a model's time to the sum of its layers; the time of the last model

 private:
  static double time(int64_t in, int64_t out) { return 10 + static_cast<double>((in + 3) / 4 * ((out + 7) / 8)); }
};

class Learn : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / fmt::format("quench-latency-{}", ::getpid());
    fs::remove_all(folder_);
    log_.message = [this](LogLevel level, std::string_view text) {
      if (level == LogLevel::warning) warnings_.emplace_back(text);
    };
  }
  void TearDown() override { fs::remove_all(folder_); }
  prune::Latency latency(Timer& timer, const Graph& graph) {
    return measured_latency(graph, machine_, timer, folder_, log_, cancel_);
  }
  static double full(const Graph& graph, const prune::Latency& latency) {
    return prune::LatencyCost(graph, prune::channel_groups(graph), latency).full();
  }
  fs::path file() const { return table_file(folder_, machine_); }

  Machine machine_{"made-up", "native", 1, "fp32", "1"};
  fs::path folder_;
  LogSink log_;
  CancelToken cancel_;
  std::vector<std::string> warnings_;
};

TEST_F(Learn, OnceForEachLayerAndModel) {
  MadeUp timer;
  const Graph graph = model();
  const prune::Latency first = latency(timer, graph);
  std::set<std::string> distinct;
  for (const metrics::ShapedLayer& layer : metrics::shaped_layers(graph, false)) {
    distinct.insert(metrics::to_json(layer.shape).dump() + fmt::format("{} {}", layer.in_channels, layer.out_channels));
  }
  EXPECT_EQ(timer.calls, 1 + static_cast<int>(distinct.size())) << "the steps, then each layer";
  EXPECT_NEAR(full(graph, first), timer.whole, 1e-9 * timer.whole) << "the layers' sum is what the whole model takes";
  EXPECT_EQ(read_table(file(), machine_, log_).steps(), (Steps{4, 8}));

  const int calls = timer.calls;
  const prune::Latency again = latency(timer, graph);
  EXPECT_EQ(timer.calls, calls) << "nothing is timed twice";
  EXPECT_EQ(timer.models, 1);
  EXPECT_EQ(again.told, first.told);
  latency(timer, model("yolov8n-cls"));
  EXPECT_GT(timer.calls, calls);
  EXPECT_EQ(timer.models, 2);
  EXPECT_TRUE(warnings_.empty());
}

TEST_F(Learn, AModelThatTakesFarMoreThanItsLayersIsWarnedOf) {
  MadeUp busy;
  busy.factor = 2;
  latency(busy, model());
  ASSERT_EQ(warnings_.size(), 1u);
  EXPECT_NE(warnings_[0].find("2.00 times the sum of its layers"), std::string::npos) << warnings_[0];
  EXPECT_NE(warnings_[0].find(file().string()), std::string::npos) << warnings_[0];
}

TEST_F(Learn, GoesOnWhereItBrokeOff) {
  MadeUp whole, broken;
  broken.left = 5;
  EXPECT_EQ(error_of([&] { latency(broken, model()); }).first, ErrorKind::io);
  EXPECT_TRUE(fs::exists(file()));
  const int before = broken.calls;
  broken.left = -1;
  const prune::Latency resumed = latency(broken, model());
  const Table table = read_table(file(), machine_, log_);
  fs::remove_all(folder_);
  const prune::Latency straight = latency(whole, model());
  EXPECT_EQ(broken.calls, whole.calls) << before << " of them before";
  EXPECT_EQ(resumed.told, straight.told);
  EXPECT_TRUE(table == read_table(file(), machine_, log_));
}

TEST_F(Learn, ADamagedTableIsMeasuredAgain) {
  MadeUp timer;
  latency(timer, model());
  const std::string good = read_file(file());
  Json other = parse_json(good, "t");
  other["machine"]["device"] = "another";
  for (const std::string& bad : {good.substr(0, good.size() / 2), std::string("{}"), std::string(), json_text(other)}) {
    write_file(file(), bad);
    warnings_.clear();
    const int calls = timer.calls;
    latency(timer, model());
    EXPECT_GT(timer.calls, calls);
    ASSERT_EQ(warnings_.size(), 1u);
    EXPECT_NE(warnings_[0].find("measured again"), std::string::npos) << warnings_[0];
    EXPECT_EQ(read_file(file()), good);
  }
}

/// Waits in its first measurement until it may go on.
class Waits : public MadeUp {
 public:
  std::vector<std::vector<double>> layers(const std::vector<platform::LayerWidths>& all) override {
    if (calls == 0) {
      begun.set_value();
      go_on.get_future().wait();
    }
    return MadeUp::layers(all);
  }
  std::promise<void> begun, go_on;
};

TEST_F(Learn, WhoComesSecondWaitsAndMeasuresWhatIsLacking) {
  Waits first;
  MadeUp second;
  prune::Latency by_first;
  std::thread other([&] { by_first = measured_latency(model(), machine_, first, folder_, LogSink{}, CancelToken{}); });
  first.begun.get_future().wait();
  std::vector<std::string> messages;
  LogSink log;
  log.message = [&](LogLevel, std::string_view text) {
    messages.emplace_back(text);
    if (messages.size() == 1) first.go_on.set_value();
  };
  const prune::Latency by_second = measured_latency(model(), machine_, second, folder_, log, cancel_);
  if (messages.empty()) first.go_on.set_value();
  other.join();
  ASSERT_EQ(messages.size(), 1u) << "said once";
  EXPECT_NE(messages[0].find(fmt::format("process {} measures for {}", ::getpid(), file().string())), std::string::npos)
      << messages[0];
  EXPECT_EQ(second.calls + second.models, 0) << "the first made all of it";
  EXPECT_EQ(by_second.told, by_first.told);

  const Graph another = model("yolov8n-cls");
  latency(second, another);
  std::set<std::string> lacking;
  const auto key = [](const metrics::ShapedLayer& layer) {
    return metrics::to_json(layer.shape).dump() + fmt::format("{} {}", layer.in_channels, layer.out_channels);
  };
  for (const metrics::ShapedLayer& layer : metrics::shaped_layers(another, false)) lacking.insert(key(layer));
  for (const metrics::ShapedLayer& layer : metrics::shaped_layers(model(), false)) lacking.erase(key(layer));
  EXPECT_EQ(second.calls, static_cast<int>(lacking.size())) << "what it lacks, and not the steps again";
}

TEST_F(Learn, AWaitIsCancelled) {
  const std::unique_ptr<FileLock> held = lock_table(file(), log_, cancel_);
  ASSERT_TRUE(held);
  MadeUp timer;
  log_.message = [&](LogLevel, std::string_view) { cancel_.cancel(); };
  EXPECT_EQ(error_of([&] { latency(timer, model()); }).first, ErrorKind::cancelled);
  EXPECT_EQ(timer.calls, 0);
}

TEST_F(Learn, ATableThatIsWholeIsReadWhileAnotherMeasures) {
  MadeUp timer;
  const prune::Latency first = latency(timer, model());
  const std::unique_ptr<FileLock> held = lock_table(file(), log_, cancel_);
  const int calls = timer.calls;
  EXPECT_EQ(latency(timer, model()).told, first.told);
  EXPECT_EQ(timer.calls, calls);
}

TEST_F(Learn, WorksWithoutAFolder) {
  MadeUp timer;
  measured_latency(model(), machine_, timer, {}, log_, cancel_);
  EXPECT_FALSE(fs::exists(folder_));
}

// --- this machine ---

TEST_F(Learn, ASmallModelOnThisMachine) {
  const std::unique_ptr<Timer> timer = host_timer(1, cancel_);
  for (const char* precision : {"fp32", "int8"}) {
    machine_ = {timer->device(), "native", 1, precision, "1"};
    const Graph graph = model();
    const prune::LatencyOf of = [&](const Graph& g, const Json&) { return latency(*timer, g); };
    const double whole = full(graph, of(graph, {}));
    const Table table = read_table(file(), machine_, log_);
    const std::optional<double> measured =
        table.model_ns(metrics::shaped_layers(graph, std::string(precision) == "int8"));
    ASSERT_TRUE(measured.has_value());
    EXPECT_NEAR(whole, *measured, 1e-6 * whole);
    const Json settings = config::prune_options().checked(
        {{"target_latency", "0.7x"}, {"latency_precision", precision}, {"criterion", "random"}}, "t");
    const Graph cut = prune::prune(graph, settings, {}, {}, of);
    const Json told = prune::prunings(cut).back();
    EXPECT_EQ(told.at("latency_ns_before"), std::llround(whole));
    EXPECT_LE(told.at("latency_ns").get<double>(), 0.7 * whole + 1);
    EXPECT_GT(told.at("latency_ns").get<double>(), 0);
    EXPECT_EQ(told.at("latency_table"), table.id());
  }
}

// Every layer of the models as a model of its own, in both precisions: it is sound, and the engine runs it.
TEST(LayerGraphs, RunInTheNativeEngine) {
  const auto native = runtime::native_runtime();
  const CancelToken cancel;
  const platform::LayerTiming once{.rounds = 1, .min_runs = 1, .max_runs = 1};
  for (const bool integers : {false, true}) {
    for (const char* name : {"yolov5n", "yolov8n-cls"}) {
      std::set<std::string> seen;
      for (const metrics::ShapedLayer& layer : metrics::shaped_layers(model(name), integers)) {
        if (!seen.insert(metrics::to_json(layer.shape).dump()).second) continue;
        const std::vector<int64_t> out = layer.shape.mixes() ? std::vector<int64_t>{1, 5, 16} : std::vector<int64_t>{7};
        const platform::LayerWidths entry{layer.shape, 7, out};
        graph::verify(platform::layer_graph(entry));
        const auto times = platform::time_layers({entry}, *native, once, cancel);
        ASSERT_EQ(times.size(), 1u);
        ASSERT_EQ(times[0].size(), out.size()) << layer.name;
        for (const double ns : times[0]) EXPECT_GE(ns, 0) << layer.name;
        const auto again = platform::layer_widths_from(platform::to_json({entry}), "t");
        ASSERT_EQ(again.size(), 1u);
        EXPECT_TRUE(again[0].shape == entry.shape && again[0].in == entry.in && again[0].out == entry.out);
      }
    }
  }
}

TEST(LayerGraphs, DepthwiseConvolutionsHaveAsManyGroupsAsChannels) {
  metrics::LayerShape shape;
  shape.attributes = graph::ConvAttributes{.kernel = {3, 3}, .padding = {1, 1}, .groups = 0};
  shape.height = shape.width = 8;
  EXPECT_TRUE(shape.depthwise());
  const Graph graph = platform::layer_graph({shape, 6, {6}});
  graph::verify(graph);
  EXPECT_EQ(graph.weights.at(platform::timed_node(0) + ".weight").value.shape(), (Shape{6, 1, 3, 3}));
}

TEST(LayerGraphs, BadRequestsAreErrors) {
  const Json good = platform::to_json({{{.attributes = graph::ConvAttributes{}}, 4, {4, 8}}});
  EXPECT_EQ(platform::layer_widths_from(good, "t").size(), 1u);
  const std::vector<std::function<void(Json&)>> damages{
      [](Json& j) { j = 3; },
      [](Json& j) { j[0] = 3; },
      [](Json& j) { j[0]["in"] = 0; },
      [](Json& j) { j[0]["in"] = 1e9; },
      [](Json& j) { j[0]["out"] = Json::array(); },
      [](Json& j) { j[0]["out"] = {-1}; },
      [](Json& j) { j[0]["shape"] = nullptr; },
      [](Json& j) {
        j[0]["shape"] = {{"op", "add"}, {"size", {4, 4}}};
      },  // 4 channels cannot become 8
  };
  for (size_t i = 0; i < damages.size(); ++i) {
    Json bad = good;
    damages[i](bad);
    EXPECT_EQ(error_of([&] { platform::layer_widths_from(bad, "t"); }).first, ErrorKind::data) << i;
  }
}

}  // namespace
}  // namespace quench::latency_table
