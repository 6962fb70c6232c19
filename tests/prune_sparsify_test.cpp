// Zeros among weights: which, how many, and what says so.
#include <numeric>
#include <set>

#include "config/tables.h"
#include "core/json.h"
#include "core/rng.h"
#include "error_testing.h"
#include "graph/onnx_read.h"
#include "graph/onnx_write.h"
#include "graph/op_traits.h"
#include "graph/passes.h"
#include "graph/sparse_layers.h"
#include "graph_samples.h"
#include "metrics/cost.h"
#include "metrics/nonzero.h"
#include "models/spec.h"
#include "prune/block_order.h"
#include "prune/sparsify.h"
#include "prune/sparsity_pattern.h"
#include "sparsity_testing.h"

namespace quench::prune {
namespace {

using graph::Graph;
using graph::Node;

Graph dense(const char* name = "yolov8n-cls") { return models::build(name, {.classes = {"a", "b"}, .imgsz = 32}); }

Graph sparse(const Graph& graph, const Json& settings) {
  return sparsify(graph, config::sparsify_options().checked(settings, "t"), {});
}

std::span<const float> weights_of(const Graph& graph, const Node& node) {
  return graph.required_weight(node, "weight").value.values<float>();
}

/// What became zero and what stayed, of the layers of two graphs: their old weights.
struct Split {
  double largest_gone = 0, smallest_kept = INFINITY;
  int64_t gone = 0, all = 0;

  void add(std::span<const float> before, std::span<const float> after) {
    for (size_t i = 0; i < before.size(); ++i) {
      if (after[i] == 0) {
        largest_gone = std::max<double>(largest_gone, std::abs(before[i]));
        ++gone;
      } else {
        EXPECT_EQ(after[i], before[i]) << "what stays, stays as it is";
        smallest_kept = std::min<double>(smallest_kept, std::abs(before[i]));
      }
    }
    all += static_cast<int64_t>(before.size());
  }
};

TEST(Sparsify, TheSmallestOfAllGo) {
  const Graph before = dense(), after = sparse(before, {{"sparsity", 0.7}});
  Split split;
  double least = 1, most = 0;
  const graph::SparseLayers told = graph::sparse_layers(after);
  for (const Node& node : before.nodes) {
    if (!graph::traits(node.op).layer) continue;
    const auto now = weights_of(after, node);
    split.add(weights_of(before, node), now);
    const double share = static_cast<double>(std::ranges::count(now, 0.0f)) / static_cast<double>(now.size());
    EXPECT_EQ(told.at(node.name), (graph::SparseLayer{"unstructured", share}));
    least = std::min(least, share);
    most = std::max(most, share);
  }
  EXPECT_LE(split.largest_gone, split.smallest_kept);
  EXPECT_EQ(split.gone, std::llround(0.7 * static_cast<double>(split.all)));
  EXPECT_LT(least, 0.6) << "layers of larger weights lose fewer";
  EXPECT_GT(most, 0.75);
  EXPECT_EQ(metrics::nonzero_params(after), metrics::cost(before).params - split.gone);
  EXPECT_EQ(metrics::nonzero_params(before), metrics::cost(before).params);
}

TEST(Sparsify, OfEveryLayerTheSameShare) {
  const Graph before = dense(), after = sparse(before, {{"sparsity", 0.3}, {"scope", "layer"}});
  for (const Node& node : before.nodes) {
    if (!graph::traits(node.op).layer) continue;
    Split split;
    split.add(weights_of(before, node), weights_of(after, node));
    EXPECT_EQ(split.gone, std::llround(0.3 * static_cast<double>(split.all))) << node.name;
    EXPECT_LE(split.largest_gone, split.smallest_kept) << node.name;
  }
}

TEST(Sparsify, KernelsGoWhole) {
  const Graph before = dense();
  for (const char* scope : {"global", "layer"}) {
    const Graph after = sparse(before, {{"pattern", "kernel"}, {"sparsity", 0.5}, {"scope", scope}});
    int64_t gone = 0, all = 0;
    double largest_gone = 0, smallest_kept = INFINITY;
    for (const Node& node : before.nodes) {
      if (!graph::traits(node.op).layer) continue;
      const Shape& shape = before.required_weight(node, "weight").value.shape();
      const size_t size = shape.size() == 4 ? static_cast<size_t>(shape[2] * shape[3]) : 1;
      const auto old = weights_of(before, node), now = weights_of(after, node);
      for (size_t first = 0; first < old.size(); first += size) {
        const auto zeros = static_cast<size_t>(std::ranges::count(now.subspan(first, size), 0.0f));
        ASSERT_TRUE(zeros == 0 || zeros == size) << node.name;
        double sum = 0;
        for (const float w : old.subspan(first, size)) sum += std::abs(w) / static_cast<double>(size);
        if (zeros > 0) largest_gone = std::max(largest_gone, sum);
        if (zeros == 0) smallest_kept = std::min(smallest_kept, sum);
        gone += static_cast<int64_t>(zeros);
      }
      all += static_cast<int64_t>(old.size());
      EXPECT_EQ(graph::sparse_layers(after).at(node.name).pattern, "kernel");
    }
    EXPECT_NEAR(static_cast<double>(gone), 0.5 * static_cast<double>(all), 9 * 60) << scope;
    if (scope == std::string("global")) {
      EXPECT_LE(largest_gone, smallest_kept * (1 + 1e-6));
    }
  }
}

TEST(Sparsify, BlocksGoWhole) {
  const Graph before = dense("yolov5n-cls"), after = sparse(before, {{"pattern", "16x4"}, {"sparsity", 0.6}});
  const graph::SparseLayers told = graph::sparse_layers(after);
  int64_t zeros = 0, all = 0, mixed = 0;
  double largest_gone = 0, smallest_kept = INFINITY;
  for (const Node& node : before.nodes) {
    if (!graph::traits(node.op).layer) continue;
    const Shape& shape = before.required_weight(node, "weight").value.shape();
    const auto old = weights_of(before, node), now = weights_of(after, node);
    const int64_t inputs = shape[1], places = static_cast<int64_t>(old.size()) / shape[0] / inputs;
    if (inputs < 4) {
      EXPECT_TRUE(std::ranges::equal(old, now)) << node.name << " reads the image";
      EXPECT_FALSE(told.contains(node.name));
      continue;
    }
    EXPECT_EQ(told.at(node.name).pattern, "16x4");
    for (int64_t o = 0; o < shape[0]; o += 16) {
      for (int64_t i = 0; i < inputs; i += 4) {
        for (int64_t place = 0; place < places; ++place) {
          int64_t gone = 0, size = 0;
          double sum = 0;
          for (int64_t a = o; a < std::min(o + 16, shape[0]); ++a) {
            for (int64_t b = i; b < std::min(i + 4, inputs); ++b, ++size) {
              const auto at = static_cast<size_t>((a * inputs + b) * places + place);
              gone += now[at] == 0;
              sum += std::abs(old[at]);
              EXPECT_TRUE(now[at] == 0 || now[at] == old[at]);
            }
          }
          mixed += gone != 0 && gone != size;
          zeros += gone;
          all += size;
          if (gone == size) {
            largest_gone = std::max(largest_gone, sum / static_cast<double>(size));
          } else {
            smallest_kept = std::min(smallest_kept, sum / static_cast<double>(size));
          }
        }
      }
    }
  }
  EXPECT_EQ(mixed, 0);
  EXPECT_LE(largest_gone, smallest_kept * (1 + 1e-6));
  EXPECT_NEAR(static_cast<double>(zeros) / static_cast<double>(all), 0.6, 1e-3);
}

TEST(BlockOrder, HasEveryWeightOnceAndStaysWithinGroups) {
  // 2 groups of 3 output channels, 5 inputs, 2 places; blocks of 2 x 4
  const BlockOrder order(6, 5, 2, 2, {SparsityPattern::Kind::block, 2, 4});
  std::vector<float> weights(60);
  std::iota(weights.begin(), weights.end(), 0.0f);
  const std::vector<float> blocks = order.in_blocks(weights);
  EXPECT_EQ(std::set<float>(blocks.begin(), blocks.end()).size(), 60u);
  EXPECT_EQ(order.sizes(), (std::vector<int32_t>{8, 8, 2, 2, 4, 4, 1, 1, 8, 8, 2, 2, 4, 4, 1, 1}));
  EXPECT_EQ(std::vector<float>(blocks.begin(), blocks.begin() + 8), (std::vector<float>{0, 2, 4, 6, 10, 12, 14, 16}));
  std::vector<float> back(60);
  order.restore(blocks, back);
  EXPECT_EQ(back, weights);
}

TEST(Sparsify, OfEveryMNeighboursTheLargestNStay) {
  for (const char* name : {"yolov5n", "yolov8n-cls"}) {
    const Graph before = dense(name);
    for (const auto& [text, n, m] : {std::tuple{"2:4", int64_t{2}, int64_t{4}},
                                     {"1:4", int64_t{1}, int64_t{4}},
                                     {"4:8", int64_t{4}, int64_t{8}}}) {
      const Graph after = sparse(before, {{"pattern", text}});
      for (const Node& node : before.nodes) {
        if (!graph::traits(node.op).layer) continue;
        const auto& weight = before.required_weight(node, "weight").value;
        const bool fits = weight.shape()[1] >= m;
        EXPECT_EQ(graph::sparse_layers(after).contains(node.name), fits) << node.name;
        if (!fits) {
          EXPECT_TRUE(after.required_weight(node, "weight").value == weight) << node.name << " stays whole";
          continue;
        }
        EXPECT_TRUE(holds_n_of_m(after.required_weight(node, "weight").value, n, m)) << node.name << " " << text;
        if (weight.shape()[1] % m == 0) {
          EXPECT_DOUBLE_EQ(graph::sparse_layers(after).at(node.name).zeros,
                           1 - static_cast<double>(n) / static_cast<double>(m));
        }
      }
      EXPECT_FALSE(graph::sparse_layers(after).contains("model.0.conv")) << "it reads the image";
    }
  }
}

// By hand: a linear layer of 5 inputs; the last group has one, and keeps it.
TEST(Sparsify, TwoOfFourByHand) {
  Graph graph = dense();
  const Node& linear = *std::ranges::find(graph.nodes, graph::Op::linear, &Node::op);
  Tensor small(DType::f32, {2, 5});
  std::ranges::copy(std::vector<float>{1, -4, 3, 2, 0.1f, /**/ 2, 2, 2, 2, -0.5f},
                    small.mutable_values<float>().begin());
  graph.weight(linear, "weight")->value = small;
  const Graph after = sparse(graph, {{"pattern", "2:4"}});
  const auto now = weights_of(after, linear);
  EXPECT_EQ(std::vector<float>(now.begin(), now.end()),
            (std::vector<float>{0, -4, 3, 0, 0.1f, /**/ 2, 2, 0, 0, -0.5f}));
}

TEST(Sparsify, ZerosStayWhereMoreIsTakenAndThroughFoldingAndTheFile) {
  const Graph before = dense(), some = sparse(before, {{"sparsity", 0.4}, {"scope", "layer"}});
  const Graph more = sparse(some, {{"pattern", "2:4"}});
  EXPECT_TRUE(zeros_stay(some, more));
  EXPECT_EQ(graph::sparse_layers(more).at("model.0.conv").pattern, "unstructured") << "2:4 does not fit it";
  EXPECT_EQ(graph::sparse_layers(more).at("model.1.conv").pattern, "2:4");
  const Graph less = sparse(some, {{"sparsity", 0.2}, {"scope", "layer"}});
  EXPECT_EQ(metrics::nonzero_params(less), metrics::nonzero_params(some)) << "none comes back, none goes";
  const Graph read = graph::read_onnx(graph::write_onnx(more), "t");
  EXPECT_TRUE(read == more);
  const Graph folded = graph::fold_batch_norms(more);
  EXPECT_TRUE(zeros_stay(more, folded));
  EXPECT_EQ(graph::sparse_layers(folded), graph::sparse_layers(more));
}

TEST(Sparsify, EqualWeightsGoFromTheFirst) {
  Graph graph = dense();
  for (float& w : graph.weights.at("model.1.conv.weight").value.mutable_values<float>()) w = 0.5f;
  const Graph after = sparse(graph, {{"sparsity", 0.25}, {"scope", "layer"}});
  const auto now = after.weights.at("model.1.conv.weight").value.values<float>();
  for (size_t i = 0; i < now.size(); ++i) ASSERT_EQ(now[i], i < now.size() / 4 ? 0 : 0.5f) << i;
}

TEST(Sparsify, ProtectedLayersStayAndEmptyOnesAreTold) {
  Graph graph = dense();
  for (float& w : graph.weights.at("model.1.conv.weight").value.mutable_values<float>()) w *= 1e-6f;
  std::vector<std::string> warnings;
  const LogSink log{[&](LogLevel level, std::string_view text) {
                      if (level == LogLevel::warning) warnings.emplace_back(text);
                    },
                    nullptr};
  const auto settings = [](const Json& given) { return config::sparsify_options().checked(given, "t"); };
  const Graph after = sparsify(graph, settings({{"sparsity", 0.5}, {"protect", {"model.0.conv"}}}), log);
  EXPECT_TRUE(after.weights.at("model.0.conv.weight") == graph.weights.at("model.0.conv.weight"));
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_NE(warnings[0].find("model.1.conv"), std::string::npos) << warnings[0];
}

/// Two batches of gradients by chance.
Json show_gradients(const Graph& graph, ImageCriterion& criterion, std::map<std::string, std::vector<double>>& means) {
  EXPECT_TRUE(criterion.wants_gradients());
  EXPECT_EQ(criterion.batch(), 8);
  Rng rng(7, "sparsify gradients");
  for (int batch = 0; batch < 2; ++batch) {
    SeenBatch seen;
    for (const auto& [name, weight] : graph.weights) {
      Tensor gradient(DType::f32, weight.value.shape());
      std::vector<double>& mean = means[name];
      mean.resize(static_cast<size_t>(weight.value.size()));
      const auto g = gradient.mutable_values<float>();
      const auto w = weight.value.values<float>();
      for (size_t i = 0; i < g.size(); ++i) {
        g[i] = static_cast<float>(rng.uniform(-1, 1));
        mean[i] += std::pow(static_cast<double>(g[i]) * w[i], 2) / 2;
      }
      seen.gradients[name] = gradient;
    }
    criterion.add(seen);
  }
  return {{"calibration_images", 16}};
}

TEST(Sparsify, TaylorTakesTheSmallestSquaredProductsWithTheGradient) {
  const Graph before = dense();
  for (const char* pattern : {"unstructured", "kernel", "16x4", "2:4"}) {
    Json settings{{"criterion", "taylor"}, {"pattern", pattern}, {"scope", "layer"}};
    if (pattern != std::string("2:4")) settings["sparsity"] = 0.5;
    std::map<std::string, std::vector<double>> means;
    const auto show = [&](ImageCriterion& criterion) { return show_gradients(before, criterion, means); };
    const Graph after = sparsify(before, config::sparsify_options().checked(settings, "t"), {}, show);
    const Graph smallest = sparse(before, [&] {
      Json other = settings;
      other["criterion"] = "magnitude";
      return other;
    }());
    EXPECT_FALSE(after == smallest) << "it is another choice than by magnitude";
    const Json told = parse_json(after.metadata.at("sparse_criterion"), "t");
    EXPECT_EQ(told["criterion"], "taylor");
    EXPECT_EQ(told["calibration_images"], 16);
    double gone = 0, kept = 0;
    for (const Node& node : before.nodes) {
      if (!graph::traits(node.op).layer) continue;
      const auto now = weights_of(after, node);
      const std::vector<double>& score = means.at(node.name + ".weight");
      double largest_gone = 0, smallest_kept = INFINITY;
      for (size_t i = 0; i < now.size(); ++i) {
        (now[i] == 0 ? gone : kept) += score[i];
        if (now[i] == 0) largest_gone = std::max(largest_gone, score[i]);
        if (now[i] != 0) smallest_kept = std::min(smallest_kept, score[i]);
      }
      if (pattern == std::string("unstructured")) {
        EXPECT_LE(largest_gone, smallest_kept * (1 + 1e-5)) << node.name;
      }
    }
    EXPECT_LT(gone, kept) << pattern;
  }
}

TEST(Sparsify, TaylorWantsImagesAndFiniteGradients) {
  const Json settings = config::sparsify_options().checked({{"criterion", "taylor"}, {"pattern", "2:4"}}, "t");
  const auto [kind, text] = error_of([&] { sparsify(dense(), settings, {}); });
  EXPECT_EQ(kind, ErrorKind::config);
  EXPECT_NE(text.find("no data"), std::string::npos) << text;
  const auto [broken, said] = error_of([&] {
    sparsify(dense(), settings, {}, [](ImageCriterion& criterion) {
      SeenBatch seen;
      Tensor gradient(DType::f32, dense().weights.at("model.1.conv.weight").value.shape());
      gradient.mutable_values<float>()[0] = INFINITY;
      seen.gradients["model.1.conv.weight"] = gradient;
      criterion.add(seen);
      return Json::object();
    });
  });
  EXPECT_EQ(broken, ErrorKind::data);
  EXPECT_NE(said.find("model.1.conv.weight"), std::string::npos) << said;
}

TEST(Sparsify, Patterns) {
  for (const char* text : {"unstructured", "kernel", "2:4", "1:2", "63:64", "16x4", "1x1", "64x64"}) {
    EXPECT_EQ(to_string(parse_sparsity_pattern(text)), text);
  }
  for (const char* text : {"",      ":",     "2:",     ":4",   "2:4:8",
                           "4:4",   "5:4",   "0:4",    "-1:4", "2:65",
                           "2.0:4", "2:4x",  " 2:4",   "+2:4", "99999999999999999999:4",
                           "block", "x",     "16x",    "x4",   "65x4",
                           "0x4",   "16x65", "16x4x2", "-1x4"}) {
    const auto [kind, said] = error_of([&] { parse_sparsity_pattern(text); });
    EXPECT_EQ(kind, ErrorKind::config) << text;
    EXPECT_NE(said.find(fmt::format("'{}'", text)), std::string::npos) << said;
  }
}

TEST(Sparsify, BadRequests) {
  const auto said = [](const Graph& graph, const Json& settings) {
    const Json checked = config::sparsify_options().checked(settings, "t");
    const auto [kind, text] = error_of([&] { sparsify(graph, checked, {}); });
    EXPECT_EQ(kind, ErrorKind::config) << text;
    EXPECT_EQ(error_of([&] { check_sparsify(graph, checked); }).second, text) << "known before any work";
    return text;
  };
  EXPECT_NE(said(dense(), Json::object()).find("`sparsity`"), std::string::npos);
  EXPECT_NE(said(dense(), {{"sparsity", 0}}).find("(0,1)"), std::string::npos);
  EXPECT_NE(said(dense(), {{"sparsity", 1}}).find("(0,1)"), std::string::npos);
  EXPECT_NE(said(dense(), {{"sparsity", 0.5}, {"pattern", "2:4"}}).find("no `sparsity`"), std::string::npos);
  const Json all = config::sparsify_options().checked({{"sparsity", 0.99999999}}, "t");
  EXPECT_NE(error_of([&] { sparsify(dense(), all, {}); }).second.find("leaves weights"), std::string::npos);
  EXPECT_NE(said(dense(), {{"pattern", "4:2"}}).find("N < M"), std::string::npos);
  EXPECT_NE(said(dense(), {{"sparsity", 0.5}, {"protect", {"model.99.*"}}}).find("model.99.*"), std::string::npos);
  EXPECT_NE(said(dense(), {{"sparsity", 0.5}, {"protect", {"*"}}}).find("got none"), std::string::npos);
  EXPECT_NE(said(graph::samples::quantized(dense(), {}), {{"sparsity", 0.5}}).find("float model"), std::string::npos);
  EXPECT_EQ(error_of([] { config::sparsify_options().checked({{"sparsity", 1.5}}, "t"); }).first, ErrorKind::config);
  Graph broken = dense();
  broken.weights.at("model.1.conv.weight").value.mutable_values<float>()[0] = std::numeric_limits<float>::quiet_NaN();
  for (const Json& settings : {Json{{"sparsity", 0.5}}, Json{{"pattern", "2:4"}}}) {
    EXPECT_EQ(error_of([&] { sparse(broken, settings); }).first, ErrorKind::data);
  }
}

TEST(SparseLayers, OfAStrangeFileAreAnError) {
  Graph graph = dense();
  EXPECT_FALSE(graph::is_sparse(graph));
  for (const char* text : {"", "x", "[]", "{}", R"({"layers": []})", R"({"layers": {"model.1.conv": 1}})",
                           R"({"layers": {"model.1.conv": {"pattern": 1, "zeros": 0.5}}})",
                           R"({"layers": {"model.1.conv": {"pattern": "2:4", "zeros": 1.5}}})",
                           R"({"layers": {"model.1.conv": {"pattern": "2:4"}}})"}) {
    graph.metadata["sparse"] = text;
    EXPECT_EQ(error_of([&] { graph::sparse_layers(graph); }).first, ErrorKind::data) << text;
  }
  graph.metadata["sparse"] = R"({"layers": {"gone": {"pattern": "2:4", "zeros": 0.5}}})";
  EXPECT_FALSE(graph::is_sparse(graph)) << "the graph has no such layer";
}

}  // namespace
}  // namespace quench::prune
