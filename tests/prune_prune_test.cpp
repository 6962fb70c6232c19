// The step: from settings to a smaller model.

#include "prune/prune.h"

#include "config/tables.h"
#include "core/json.h"
#include "core/rng.h"
#include "error_testing.h"
#include "graph/onnx_read.h"
#include "graph/onnx_write.h"
#include "graph/passes.h"
#include "graph_samples.h"
#include "metrics/cost.h"
#include "models/spec.h"
#include "prune/image_scores.h"
#include "prune/target.h"
#include "prune/width_cost.h"

namespace quench::prune {
namespace {

using graph::Graph;

Graph model() { return models::build("yolov8n-cls", {.classes = {"a", "b"}, .imgsz = 32}); }

/// Gradients and values by chance, of 40 images of two classes.
Json show_noise(const Graph& graph, ImageCriterion& scores) {
  Rng rng(3, "show");
  const auto noise = [&](Shape shape) {
    Tensor out(DType::f32, std::move(shape));
    for (float& x : out.mutable_values<float>()) x = static_cast<float>(rng.uniform(-1, 1));
    return out;
  };
  SeenBatch seen;
  for (int32_t image = 0; image < 40; ++image) seen.labels.push_back(image % 2);
  if (scores.wants_gradients()) {
    for (const auto& [name, weight] : graph.weights) seen.gradients[name] = noise(weight.value.shape());
  }
  for (const graph::EdgeId edge : scores.edges()) {
    Shape shape = graph.edge(edge).shape;
    shape[0] = 40;
    seen.values[edge] = noise(shape);
  }
  scores.add(seen);
  return {{"calibration_images", 40}};
}

Graph pruned(const Graph& graph, const Json& settings) {
  const auto show = [&](ImageCriterion& scores) { return show_noise(graph, scores); };
  return prune(graph, config::prune_options().checked(settings, "t"), {}, show);
}

TEST(Prune, EveryCriterionMeetsTheBudgetAndTellsIt) {
  const Graph full = model();
  const double gflops = metrics::cost(full).gflops;
  for (const std::string& criterion : config::prune_options().find("criterion")->choices) {
    for (const std::string& ranking : config::prune_options().find("ranking")->choices) {
      const Graph cut = pruned(full, {{"criterion", criterion}, {"ranking", ranking}, {"target_gflops", "0.5x"}});
      const metrics::Cost cost = metrics::cost(cut);
      EXPECT_LE(cost.gflops, 0.5 * gflops) << criterion << " " << ranking;
      EXPECT_GT(cost.gflops, 0.45 * gflops) << criterion << " " << ranking;
      ASSERT_EQ(prunings(cut).size(), 1u);
      const Json told = prunings(cut)[0];
      EXPECT_EQ(told.at("criterion"), criterion);
      EXPECT_EQ(told.contains("calibration_images"), config::criterion_reads_images(criterion));
      EXPECT_EQ(told.at("params"), cost.params);
      EXPECT_EQ(told.at("macs"), cost.macs);
      EXPECT_EQ(told.at("params_before"), metrics::cost(full).params);
      EXPECT_TRUE(graph::read_onnx(graph::write_onnx(cut), "t") == cut) << "saved and reloaded";
    }
  }
}

// The second pruning once wrote over what the first had told.
TEST(Prune, AFileTellsEveryPruningThatMadeIt) {
  const Graph once = pruned(model(), {{"target_params", "0.8x"}});
  const Graph twice = pruned(once, {{"ratio", 0.25}, {"criterion", "l2"}});
  ASSERT_EQ(prunings(twice).size(), 2u);
  EXPECT_EQ(prunings(twice)[0], prunings(once)[0]);
  EXPECT_EQ(prunings(twice)[1].at("criterion"), "l2");
  EXPECT_EQ(prunings(twice)[1].at("params_before"), prunings(twice)[0].at("params"));
  Graph old = once;  // as files were before: the last one alone
  old.metadata["pruned"] = prunings(once)[0].dump();
  EXPECT_EQ(prunings(old), prunings(once));
  EXPECT_EQ(prunings(pruned(old, {{"ratio", 0.25}})).size(), 2u);
  old.metadata["pruned"] = "strange";
  EXPECT_EQ(prunings(old), Json::array());
  EXPECT_EQ(prunings(model()), Json::array());
}

// What a study asks before it trains: the answer is prune()'s own, whatever the weights are.
TEST(Prune, WhatIsReachableIsKnownWithoutScores) {
  const Graph full = model();
  const auto options = [](const Json& settings) { return config::prune_options().checked(settings, "t"); };
  for (const std::string& ranking : config::prune_options().find("ranking")->choices) {
    for (const char* limit : {"max_ratio", "keep_min"}) {
      for (const char* target : {"0.3x", "0.45x", "0.6x", "0.9x"}) {
        Json settings{{"ranking", ranking}, {"target_gflops", target}};
        settings[limit] = limit == std::string_view("max_ratio") ? Json(0.3) : Json(24);
        const auto said = [&](const std::function<void()>& call) {
          try {
            call();
          } catch (const Error& error) {
            EXPECT_EQ(error.kind(), ErrorKind::config);
            return std::string(error.what());
          }
          return std::string();
        };
        EXPECT_EQ(said([&] { require_reachable(full, options(settings)); }), said([&] { pruned(full, settings); }))
            << settings;
      }
    }
  }
  EXPECT_NO_THROW(require_reachable(full, options({{"ratio", 0.5}})));
  EXPECT_THROW(require_reachable(full, options({{"ratio", 0.5}, {"protect", {"*"}}})), Error);
  EXPECT_THROW(require_reachable(full, options({{"target_params", "0.1x"}, {"max_ratio", 0.5}})), Error);
}

TEST(Prune, ALineSaysWhatTheLimitsKeepOfARatio) {
  const auto said = [](Json settings) {
    std::string lines;
    LogSink log;
    log.message = [&](LogLevel, std::string_view line) { lines += std::string(line) + "\n"; };
    settings["ranking"] = "local";
    const Graph full = model(), cut = prune(full, config::prune_options().checked(settings, "t"), log);
    const auto channels = [](const Graph& graph) {
      int64_t sum = 0;
      for (const ChannelGroup& group : channel_groups(graph)) sum += group.width();
      return sum;
    };
    return std::pair(lines, channels(full) - channels(cut));
  };
  const auto [held, gone] = said({{"ratio", 0.5}, {"max_ratio", 0.25}});
  const auto [free, asked] = said({{"ratio", 0.5}});
  EXPECT_NE(held.find(fmt::format("{} of the {} channels that a ratio of 0.5 asks for", gone, asked)),
            std::string::npos)
      << held;
  EXPECT_EQ(free.find("asks for"), std::string::npos) << free;
}

TEST(Prune, TheLargestGoWhereTheyAreAskedFor) {
  const Graph full = model();
  const Json ratio{{"ratio", 0.5}, {"ranking", "local"}, {"criterion", "l2"}};
  Json largest = ratio;
  largest["criterion"] = "largest";
  const auto norm = [](const Graph& graph) {
    double sum = 0;
    for (const float w : graph.weights.at("model.0.conv.weight").value.values<float>())
      sum += static_cast<double>(w) * w;
    return sum;
  };
  const double kept = norm(pruned(full, ratio)), gone = norm(pruned(full, largest));
  EXPECT_GT(kept, gone);
  EXPECT_NEAR(kept + gone, norm(full), 1e-6 * norm(full)) << "each half once";
}

TEST(Prune, ProtectedLayersKeepTheirWidth) {
  const Graph cut = pruned(model(), {{"ratio", 0.5}, {"protect", {"model.0.conv"}}});
  EXPECT_EQ(cut.weights.at("model.0.conv.weight").value.shape()[0], 16);
  EXPECT_EQ(pruned(model(), {{"ratio", 0.5}, {"ranking", "local"}}).weights.at("model.0.conv.weight").value.shape()[0],
            8);
}

TEST(Prune, Targets) {
  EXPECT_EQ(target_of("0.5x", 8, "t"), 4);
  EXPECT_EQ(target_of("1.5M", 2e6, "t"), 1.5e6);
  EXPECT_EQ(target_of("800k", 2e6, "t"), 8e5);
  EXPECT_EQ(target_of("0.8", 1.6, "t"), 0.8);
  for (const char* text : {"", "x", "half", "0.5y", "0.5xx", "-1", "0", "1x", "2x", "inf", "nan", "9"}) {
    EXPECT_EQ(error_of([&] { target_of(text, 8, "t"); }).first, ErrorKind::config) << text;
  }
}

TEST(Prune, ARefusedTargetIsToldApartFromTheLimit) {
  const auto refusal = [](const char* text) { return error_of([&] { target_of(text, 1867405, "t"); }).second; };
  EXPECT_EQ(refusal("1x"), "[prune] t: expected a share of the model's in (0,1), got '1x'");
  EXPECT_EQ(refusal("1867406"),
            "[prune] t: expected more than 0 and less than the model's 1867405, got 1867406 "
            "('1867406')");
  EXPECT_EQ(refusal("2M"), "[prune] t: expected more than 0 and less than the model's 1867405, got 2000000 ('2M')");
}

// Bytes are those of the record: float32 with batch norms folded, whether the file has them folded or not.
TEST(Prune, BytesOfWeightsAreThoseOfTheFoldedModel) {
  for (const Graph& full : {model(), graph::fold_batch_norms(model())}) {
    const auto bytes = [](const Graph& graph) { return metrics::cost(graph::fold_batch_norms(graph)).weights_bytes; };
    EXPECT_EQ(WidthCost(full, channel_groups(full)).full().weights_bytes, bytes(full));
    const Graph cut = pruned(full, {{"target_bytes", "0.5x"}});
    EXPECT_LE(bytes(cut), bytes(full) / 2);
    EXPECT_GT(bytes(cut), 0.49 * static_cast<double>(bytes(full)));
    const Graph absolute = pruned(full, {{"target_bytes", "2M"}});
    EXPECT_LE(bytes(absolute), 2000000);
    EXPECT_GT(bytes(absolute), 1980000);
    const std::vector<ChannelGroup> groups = channel_groups(cut);
    EXPECT_EQ(WidthCost(cut, groups).full().weights_bytes, bytes(cut));
  }
  // A convolution that two read, so that neither batch norm is folded.
  graph::samples::Builder b(1);
  const graph::EdgeId x = b.conv("a", b.input("images", {1, 3, 8, 8}), 2, {});
  b.output(b.batch_norm("later", b.node("sum", graph::Op::add, {b.batch_norm("norm", x), x})));
  const std::vector<ChannelGroup> groups = channel_groups(b.graph);
  EXPECT_EQ(WidthCost(b.graph, groups).full().weights_bytes, metrics::cost(b.graph).weights_bytes);
  EXPECT_EQ(metrics::cost(b.graph).weights_bytes, 4 * (2 * 3 + 2 * 4 * 2));
}

TEST(Prune, ImagesAreAskedForWhereTheyAreReadAndAfterAllElseIsChecked) {
  const Graph full = model();
  for (const std::string& criterion : config::prune_options().find("criterion")->choices) {
    const bool reads = config::criterion_reads_images(criterion);
    const auto options = [&](Json settings) {
      settings["criterion"] = criterion;
      return config::prune_options().checked(settings, "t");
    };
    if (reads) {
      const auto [kind, text] = error_of([&] { prune(full, options({{"ratio", 0.5}}), {}); });
      EXPECT_EQ(kind, ErrorKind::config);
      EXPECT_NE(text.find("criterion " + criterion + " expected images"), std::string::npos) << text;
    }
    int asked = 0;
    const auto show = [&](ImageCriterion& scores) {
      ++asked;
      return show_noise(full, scores);
    };
    const Json impossible[] = {{{"ratio", 1.0}},
                               {{"target_gflops", "2x"}},
                               {{"target_gflops", "0.01x"}, {"max_ratio", 0.5}},
                               {{"ratio", 0.5}, {"protect", {"model.99.*"}}},
                               Json::object()};
    for (const Json& settings : impossible) {
      EXPECT_EQ(error_of([&] { prune(full, options(settings), {}, show); }).first, ErrorKind::config) << settings;
    }
    EXPECT_EQ(asked, 0) << criterion;
    prune(full, options({{"ratio", 0.5}}), {}, show);
    EXPECT_EQ(asked, reads ? 1 : 0) << criterion;
  }
}

TEST(Prune, BadRequests) {
  const auto said = [](const Graph& graph, const Json& settings) {
    const auto [kind, text] = error_of([&] { pruned(graph, settings); });
    EXPECT_EQ(kind, ErrorKind::config) << text;
    return text;
  };
  EXPECT_NE(said(model(), Json::object()).find("expected one of ratio, target_gflops"), std::string::npos);
  EXPECT_NE(said(model(), {{"ratio", 0.5}, {"target_params", "0.5x"}}).find("got ratio and target_params"),
            std::string::npos);
  EXPECT_NE(said(model(), {{"ratio", 1.0}}).find("ratio in (0,1)"), std::string::npos);
  EXPECT_NE(said(model(), {{"ratio", 0.5}, {"protect", {"model.99.*"}}}).find("model.99.*"), std::string::npos);
  EXPECT_NE(said(model(), {{"target_gflops", "0.01x"}, {"max_ratio", 0.5}}).find("is the least that inputs"),
            std::string::npos);
  const Graph quantized = graph::samples::quantized(model(), {});
  EXPECT_NE(said(quantized, {{"ratio", 0.5}}).find("prune first, then quantize"), std::string::npos);
  Graph broken = model();
  broken.weights.at("model.1.conv.weight").value.mutable_values<float>()[0] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(error_of([&] { pruned(broken, {{"ratio", 0.5}}); }).first, ErrorKind::data);
}

}  // namespace
}  // namespace quench::prune
