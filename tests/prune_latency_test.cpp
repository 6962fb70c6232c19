// Pruning to a latency, by made-up times: what the search keeps, what it gives back, what it tells.

#include "config/tables.h"
#include "core/json.h"
#include "error_testing.h"
#include "graph_samples.h"
#include "models/spec.h"
#include "prune/free_channels.h"
#include "prune/latency_cost.h"
#include "prune/prune.h"
#include "prune/target.h"
#include "prune/width_cost.h"
#include "prune_testing.h"

namespace quench::prune {
namespace {

using graph::EdgeId;
using graph::Graph;

int64_t blocks(int64_t channels, int64_t block) { return (channels + block - 1) / block; }

/// A device that computes `block` channels at a time: a block of inputs with a block of outputs takes 1000 ns.
LatencyOf device(int64_t block) {
  return [block](const Graph& graph, const Json&) {
    Latency latency;
    for (metrics::ShapedLayer& layer : metrics::shaped_layers(graph, false)) {
      latency.layers.push_back({std::move(layer), [block](int64_t in, int64_t out) {
                                  return 1000.0 * static_cast<double>(blocks(in, block) * blocks(out, block));
                                }});
    }
    latency.constant_ns = 500;
    latency.scale = 2;
    latency.told = {{"latency_device", "made-up"}};
    return latency;
  };
}

/// Widths 3 - first 16 - second 32 - end 4.
Graph three_layers() {
  graph::samples::Builder b(1);
  const EdgeId first = b.conv("first", b.input("images", {1, 3, 8, 8}), 16, {});
  b.output(b.conv("end", b.conv("second", first, 32, {}), 4, {}));
  return b.graph;
}

double ns(const Graph& graph, const LatencyOf& of) {
  const std::vector<ChannelGroup> groups = channel_groups(graph);
  return LatencyCost(graph, groups, of(graph, {})).full();
}

TEST(Latency, IsTheSumOverLayers) {
  const Graph graph = three_layers();
  const std::vector<ChannelGroup> groups = channel_groups(graph);
  const LatencyCost cost(graph, groups, device(8)(graph, {}));
  // Blocks: 1 x 2 + 2 x 4 + 4 x 1.
  EXPECT_DOUBLE_EQ(cost.full(), 500 + 2 * 14000.0);
  EXPECT_DOUBLE_EQ(cost.at({3, 8, 32, 4}), 500 + 2 * (1 + 4 + 4) * 1000.0);
  EXPECT_DOUBLE_EQ(cost.at({3, 9, 32, 4}), cost.full()) << "9 take as long as 16";
  const std::vector<double> saved = cost.saved_a_channel();
  EXPECT_DOUBLE_EQ(saved[1], 2 * 5000.0 / 8);
  EXPECT_DOUBLE_EQ(saved[2], 2 * (2 * 2 + 2) * 1000.0 / 16);
}

// Every model: what is predicted of widths is what is predicted of the model that has them.
TEST(Latency, OfWidthsIsThatOfTheModelThatIsCutToThem) {
  for (const char* name : {"yolov5n-cls", "yolov8n"}) {
    const Graph full = models::build(name, {.classes = {"a", "b"}, .imgsz = 64});
    const Json settings = config::prune_options().checked(
        {{"target_latency", "0.4x"}, {"criterion", "random"}, {"ranking", "local"}}, "t");
    const Graph cut = prune(full, settings, {}, {}, device(8));
    const Json told = prunings(cut).back();
    EXPECT_EQ(told.at("latency_ns_before"), std::llround(ns(full, device(8)))) << name;
    EXPECT_EQ(told.at("latency_ns"), std::llround(ns(cut, device(8)))) << name;
    EXPECT_EQ(told.at("latency_device"), "made-up");
    EXPECT_LE(told.at("latency_ns").get<double>(), 0.4 * told.at("latency_ns_before").get<double>()) << name;
    EXPECT_GT(told.at("latency_ns").get<double>(), 0.3 * told.at("latency_ns_before").get<double>()) << name;
  }
}

TEST(Latency, ChannelsThatCostNothingAreGivenBack) {
  const Graph full = models::build("yolov8n-cls", {.classes = {"a", "b"}, .imgsz = 32});
  for (const char* ranking : {"local", "global"}) {
    const Json settings = config::prune_options().checked({{"target_latency", "0.5x"}, {"ranking", ranking}}, "t");
    const Graph cut = prune(full, settings, {}, {}, device(8));
    const std::vector<ChannelGroup> groups = channel_groups(cut), before = channel_groups(full);
    ASSERT_EQ(groups.size(), before.size());
    const LatencyCost cost(cut, groups, device(8)(cut, {}));
    std::vector<int64_t> kept = kept_counts(keep_all(groups));
    bool narrower = false;
    for (size_t g = 0; g < groups.size(); ++g) {
      if (kept[g] == before[g].width()) continue;
      narrower = true;
      ++kept[g];
      EXPECT_GT(cost.at(kept), cost.full()) << ranking << ": another channel of " << groups[g].name << " is free";
      --kept[g];
    }
    EXPECT_TRUE(narrower);
  }
}

TEST(Latency, TheBestScoredAreGivenBack) {
  const Graph graph = three_layers();
  const std::vector<ChannelGroup> groups = channel_groups(graph);
  const LatencyCost cost(graph, groups, device(8)(graph, {}));
  Scores scores = random_scores(groups, 5);
  Keep keep = keep_all(groups);
  for (size_t u = 0; u < 12; ++u) keep[1][u] = false;  // 4 of 16 stay: 8 cost as much
  const Budget budget{[&](const std::vector<int64_t>& kept) { return cost.at(kept); }, 0, "ns"};
  const Keep wider = with_free_channels(groups, scores, budget, {}, keep);
  EXPECT_EQ(std::ranges::count(wider[1], true), 8);
  double worst_back = 1, best_gone = 0;
  for (size_t u = 0; u < 12; ++u) {
    if (wider[1][u]) worst_back = std::min(worst_back, scores[1][u]);
    if (!wider[1][u]) best_gone = std::max(best_gone, scores[1][u]);
  }
  EXPECT_GT(worst_back, best_gone);
  EXPECT_EQ(wider[2], keep[2]);
  const Keep rounded = with_free_channels(groups, scores, budget, {.round = 5}, keep);
  EXPECT_EQ(std::ranges::count(rounded[1], true), 5) << "a multiple of round";
}

TEST(Latency, ScorePerTimeCutsWhereTimeGoes) {
  const Graph full = models::build("yolov5n-cls", {.classes = {"a", "b"}, .imgsz = 64});
  const LatencyOf early = [](const Graph& graph, const Json&) {
    Latency latency = device(1)(graph, {});
    // Nearly all of the time is in the first two layers.
    for (size_t i = 2; i < latency.layers.size(); ++i) {
      latency.layers[i].ns = [](int64_t in, int64_t out) { return 1e-3 * static_cast<double>(in * out); };
    }
    return latency;
  };
  const auto params = [&](bool per_time) {
    Json settings{{"target_latency", "0.5x"}, {"criterion", "random"}, {"normalisation", "none"}};
    if (per_time) settings["score_per_time"] = true;
    const Graph cut = prune(full, config::prune_options().checked(settings, "t"), {}, {}, early);
    const Json told = prunings(cut).back();
    EXPECT_LE(told.at("latency_ns").get<double>(), 0.5 * told.at("latency_ns_before").get<double>());
    return told.at("params").get<int64_t>();
  };
  EXPECT_GT(params(true), 1.2 * static_cast<double>(params(false)))
      << "layers that take little time keep their channels";
}

TEST(Latency, Targets) {
  EXPECT_EQ(latency_target_of("12ms", 2e7, "t"), 1.2e7);
  EXPECT_EQ(latency_target_of("800us", 2e7, "t"), 8e5);
  EXPECT_EQ(latency_target_of("0.5s", 1e9, "t"), 5e8);
  EXPECT_EQ(latency_target_of("0.25x", 4e6, "t"), 1e6);
  for (const char* text :
       {"", "12", "ms", "12 ms", "12m", "0ms", "-1ms", "1x", "2x", "inf", "nanms", "infms", "30ms"}) {
    EXPECT_EQ(error_of([&] { latency_target_of(text, 2e7, "t"); }).first, ErrorKind::config) << text;
  }
}

// A device that is slower than predicted by a fifth once the model is cut: the last round makes up for it.
TEST(Latency, LaterRoundsAreHeldAgainstTheOriginal) {
  const Graph full = models::build("yolov5n-cls", {.classes = {"a", "b"}, .imgsz = 64});
  const auto slower = [](const Graph& graph, const Json& settings) {
    Latency latency = device(1)(graph, settings);
    latency.constant_ns = 0;
    if (!prunings(graph).empty()) latency.scale *= 1.2;
    return latency;
  };
  const auto pruned = [&](const Graph& graph, const char* target, const LatencyOf& of) {
    return prune(graph, config::prune_options().checked({{"target_latency", target}}, "t"), {}, {}, of);
  };
  const Graph first = pruned(full, "0.75x", slower);
  const Graph second = pruned(first, "0.5x original", slower);
  const double original = prunings(first)[0].at("latency_ns_before");
  const Json told = prunings(second).back();
  EXPECT_GT(told.at("latency_ns_before").get<double>(), 0.85 * original) << "0.75 and what was mispredicted";
  EXPECT_LE(told.at("latency_ns").get<double>(), 0.5 * original);
  EXPECT_GT(told.at("latency_ns").get<double>(), 0.49 * original);
  const Graph third = pruned(second, "0.4x original", slower);
  EXPECT_GT(prunings(third).back().at("latency_ns").get<double>(), 0.39 * original) << "the original is not the second";

  std::string said;
  LogSink log;
  log.message = [&](LogLevel, std::string_view line) { said += std::string(line) + "\n"; };
  const Json met = config::prune_options().checked({{"target_latency", "0.9x original"}}, "t");
  const Json same = prunings(prune(third, met, log, {}, slower)).back();
  EXPECT_EQ(same.at("params"), same.at("params_before")) << "it is met already";
  EXPECT_NE(said.find("no longer than 0.9x original"), std::string::npos) << said;
  const LatencyOf elsewhere = [&](const Graph& graph, const Json& settings) {
    Latency latency = slower(graph, settings);
    latency.told["latency_device"] = "another";
    return latency;
  };
  for (const auto& text : {error_of([&] { pruned(full, "0.5x original", slower); }).second,
                           error_of([&] { pruned(first, "0.5x original", elsewhere); }).second}) {
    EXPECT_NE(text.find("earlier round"), std::string::npos) << text;
  }
}

TEST(Latency, BadRequests) {
  const Graph full = models::build("yolov5n-cls", {.classes = {"a", "b"}, .imgsz = 64});
  int asked = 0;
  const LatencyOf counted = [&](const Graph& graph, const Json& settings) {
    ++asked;
    return device(8)(graph, settings);
  };
  const auto said = [&](const Json& settings, const LatencyOf& of) {
    const auto [kind, text] =
        error_of([&] { prune(full, config::prune_options().checked(settings, "t"), {}, {}, of); });
    EXPECT_EQ(kind, ErrorKind::config) << text;
    return text;
  };
  const auto holds = [](const std::string& text, const std::string& part) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  };
  holds(said({{"target_latency", "12"}}, counted), "12ms");
  holds(said({{"target_latency", "0.5x"}, {"ratio", 0.5}}, counted), "got ratio and target_latency");
  holds(said({{"ratio", 0.5}, {"latency_device", "host"}}, counted), "latency_device");
  holds(said({{"ratio", 0.5}, {"score_per_time", true}}, counted), "score_per_time");
  EXPECT_EQ(asked, 0) << "nothing is timed for what cannot be meant";
  holds(said({{"target_latency", "0.5x"}}, {}), "time layers");
  holds(said({{"target_latency", "0.0001x"}}, counted), "is the least");
  holds(said({{"target_latency", "999s"}}, counted), "less than the model's");
}

TEST(Latency, SettingsHaveDefaultsThatWorkWithoutThemDoesNotKnow) {
  const Json settings = config::prune_options().checked({{"ratio", 0.5}}, "t");
  for (const char* option : {"target_bytes", "target_latency", "latency_device", "latency_runtime", "latency_threads",
                             "latency_precision", "score_per_time"}) {
    EXPECT_FALSE(settings.contains(option)) << option;
  }
  const config::LatencySettings latency = config::latency_settings(settings);
  EXPECT_EQ(latency.device, "host");
  EXPECT_EQ(latency.runtime, "native");
  EXPECT_EQ(latency.threads, 1);
  EXPECT_EQ(latency.precision, "fp32");
  EXPECT_FALSE(latency.score_per_time);
}

}  // namespace
}  // namespace quench::prune
