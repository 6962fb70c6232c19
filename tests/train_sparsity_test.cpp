// The penalty on batch norms' scales (Network Slimming): its gradient, its schedule, where it is refused, resume.
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <functional>

#include "core/error.h"
#include "error_testing.h"
#include "graph/passes.h"
#include "train/loop/trainer.h"
#include "train_samples.h"

namespace quench::train {
namespace {

/// Plain gradient descent, one batch of all 80 images an epoch, nothing random but the order.
Json plain(int epochs) {
  return {{"epochs", epochs}, {"batch", 80},       {"lr", 0.05},         {"warmup_epochs", 0.0},   {"threads", 1},
          {"momentum", 0.0},  {"nesterov", false}, {"ema", false},       {"schedule", "constant"}, {"crop_padding", 0},
          {"flip", false},    {"seed", 7},         {"weight_decay", 0.0}};
}

/// Half of the scales below 0, one at 0.
graph::Graph start_graph() {
  graph::Graph start = samples::tiny_classifier(24, 10);
  const auto scales = start.weights.at("model.1.bn.weight").value.mutable_values<float>();
  for (size_t i = 0; i < scales.size(); ++i) scales[i] = i % 2 ? 0.5f : -0.75f;
  scales[4] = 0;
  return start;
}

graph::Graph trained(const graph::Graph& start, Json config, double sparsity, const std::string& schedule) {
  config["sparsity"] = sparsity;
  config["sparsity_schedule"] = schedule;
  const samples::Folder folder;
  return fit(start, samples::tiny_shapes(24, 80, 20), config, {folder.path()}).graph;
}

std::vector<float> scales_of(const graph::Graph& graph, const std::string& bn) {
  const auto values = graph.weights.at(bn + ".weight").value.values<float>();
  return {values.begin(), values.end()};
}

// Without momentum a step differs by learning rate x sparsity x sign(scale), and by nothing else.
TEST(Sparsity, IsTheSubgradientOfTheSumOfAbsoluteScales) {
  const graph::Graph start = start_graph();
  const graph::Graph without = trained(start, plain(1), 0, "constant"),
                     with = trained(start, plain(1), 0.1, "constant");
  for (const char* bn : {"model.0.bn", "model.1.bn", "model.2.bn"}) {
    const auto before = scales_of(start, bn), a = scales_of(without, bn), b = scales_of(with, bn);
    for (size_t i = 0; i < a.size(); ++i) {
      const double sign = before[i] > 0 ? 1 : before[i] < 0 ? -1 : 0;
      EXPECT_NEAR(b[i] - a[i], -0.05 * 0.1 * sign, 1e-6) << bn << " " << i;
    }
  }
  for (const auto& [name, weight] : without.weights) {
    if (name.ends_with("bn.weight")) continue;
    EXPECT_TRUE(with.weights.at(name) == weight) << name << " is not penalised";
  }
}

// Over four steps the linear schedule adds 1 + 3/4 + 1/2 + 1/4 of what the constant one adds to each.
TEST(Sparsity, Schedules) {
  const graph::Graph start = start_graph();
  constexpr double kSparsity = 0.002;  // so small that the loss's own gradient hardly changes
  const graph::Graph none = trained(start, plain(4), 0, "constant");
  const auto moved = [&](const char* schedule) {
    const auto a = scales_of(none, "model.0.bn"),
               b = scales_of(trained(start, plain(4), kSparsity, schedule), "model.0.bn");
    double sum = 0;
    for (size_t i = 0; i < a.size(); ++i) sum += a[i] - b[i];
    return sum / static_cast<double>(a.size()) / (0.05 * kSparsity);
  };
  EXPECT_NEAR(moved("constant"), 4, 0.1);
  EXPECT_NEAR(moved("linear"), 2.5, 0.1);
}

TEST(Sparsity, BringsScalesDown) {
  const auto total = [](const graph::Graph& graph) {
    double sum = 0;
    for (const char* bn : {"model.0.bn", "model.1.bn", "model.2.bn"}) {
      for (const float scale : scales_of(graph, bn)) sum += std::abs(scale);
    }
    return sum;
  };
  const graph::Graph start = start_graph();
  EXPECT_LT(total(trained(start, plain(8), 0.5, "constant")), 0.9 * total(trained(start, plain(8), 0, "constant")));
}

TEST(Sparsity, NeedsBatchNormsThatTrain) {
  const graph::Graph folded = graph::fold_batch_norms(start_graph());
  for (const graph::Graph& graph : {folded, graph::samples::quantized(folded, {.integer = false})}) {
    const auto [kind, text] = error_of([&] { trained(graph, plain(1), 0.1, "constant"); });
    EXPECT_EQ(kind, ErrorKind::config);
    EXPECT_NE(text.find("expected batch norms for `sparsity`"), std::string::npos) << text;
  }
  EXPECT_NO_THROW(trained(folded, plain(1), 0, "constant"));
  EXPECT_EQ(error_of([&] { trained(folded, plain(1), -1, "constant"); }).first, ErrorKind::config);
}

/// Cancels when its image number `left` is read.
class Stopping : public data::Dataset {
 public:
  Stopping(std::shared_ptr<const data::Dataset> inner, CancelToken& cancel, int64_t left)
      : inner_(std::move(inner)), cancel_(cancel), left_(left) {}
  int64_t size() const override { return inner_->size(); }
  const std::vector<std::string>& classes() const override { return inner_->classes(); }
  int32_t label(int64_t index) const override { return inner_->label(index); }
  std::string digest() const override { return inner_->digest(); }
  data::Sample at(int64_t index) const override {
    if (--left_ == 0) cancel_.cancel();
    return inner_->at(index);
  }

 private:
  std::shared_ptr<const data::Dataset> inner_;
  CancelToken& cancel_;
  mutable std::atomic<int64_t> left_;
};

TEST(Sparsity, ResumesExactly) {
  const graph::Graph start = start_graph();
  Json config = samples::tiny_config();
  config["sparsity"] = 0.01;
  config["sparsity_schedule"] = "linear";
  config["accumulate"] = 2;
  const samples::Folder straight, stopped;
  const graph::Graph wanted = fit(start, samples::tiny_shapes(), config, {straight.path() / "a"}).graph;
  CancelToken cancel;
  data::Splits data = samples::tiny_shapes();
  data.train = std::make_shared<Stopping>(data.train, cancel, 13 * 40);
  FitContext context{stopped.path() / "b"};
  context.cancel = &cancel;
  EXPECT_EQ(error_of([&] { fit(start, data, config, context); }).first, ErrorKind::cancelled);
  EXPECT_TRUE(fit(start, samples::tiny_shapes(), config, {stopped.path() / "b"}).graph == wanted);
  config["sparsity"] = 0.02;
  const auto [kind, text] = error_of([&] { fit(start, samples::tiny_shapes(), config, {stopped.path() / "b"}); });
  EXPECT_EQ(kind, ErrorKind::config);
  EXPECT_NE(text.find("`sparsity` was 0.01"), std::string::npos) << text;
}

}  // namespace
}  // namespace quench::train
