#include <gtest/gtest.h>
#include <torch/nn/functional/loss.h>
#include <torch/nn/utils/clip_grad.h>
#include <torch/optim/adamw.h>
#include <torch/optim/sgd.h>

#include <cmath>

#include "core/error.h"
#include "nn/graph_module.h"
#include "train/loop/device.h"
#include "train/loop/loss_log.h"
#include "train/loop/non_finite.h"
#include "train/losses/loss.h"
#include "train/optimizers/ema.h"
#include "train/optimizers/optimizer.h"
#include "train/optimizers/precision.h"
#include "train_samples.h"

namespace quench::train {
namespace {

using torch::Tensor;

nn::GraphModule module_of(const graph::Graph& graph) {
  nn::GraphModule module(graph);
  module.train(true);
  return module;
}

/// Ten steps of ours and of torch::optim on the same graph and batches; the largest difference of any weight.
template <typename MakeReference>
double largest_difference(const OptimizerOptions& options, double lr, const MakeReference& make_reference) {
  const graph::Graph graph = samples::tiny_classifier(16, 10);
  nn::GraphModule ours = module_of(graph), theirs = module_of(graph);
  Optimizer optimizer(ours.parameters(), options);
  std::vector<Tensor> decayed, plain;
  for (const auto& [name, value] : theirs.parameters()) (value.dim() >= 2 ? decayed : plain).push_back(value);
  auto reference = make_reference(decayed, plain);
  torch::manual_seed(3);
  for (int step = 0; step < 10; ++step) {
    const Tensor x = torch::rand({8, 3, 16, 16}), y = torch::randint(10, {8});
    const auto loss_of = [&](nn::GraphModule& module) {
      return torch::nn::functional::cross_entropy(module.forward(x).at(0), y);
    };
    optimizer.zero_grad();
    loss_of(ours).backward();
    optimizer.step(lr);
    reference->zero_grad();
    loss_of(theirs).backward();
    if (options.clip_norm > 0) {
      std::vector<Tensor> all = decayed;
      all.insert(all.end(), plain.begin(), plain.end());
      torch::nn::utils::clip_grad_norm_(all, options.clip_norm);
    }
    reference->step();
  }
  double largest = 0;
  const auto wanted = theirs.parameters();
  const auto start = module_of(graph).parameters();
  double moved = 0;
  for (const auto& [name, value] : ours.parameters()) {
    largest = std::max(largest, (value - wanted.at(name)).abs().max().template item<double>());
    moved = std::max(moved, (value - start.at(name)).abs().max().template item<double>());
  }
  EXPECT_GT(moved, 1e-3);
  return largest;
}

double sgd_difference(double momentum, bool nesterov, double clip_norm) {
  OptimizerOptions options;
  options.momentum = momentum;
  options.nesterov = nesterov;
  options.weight_decay = 1e-2;
  options.clip_norm = clip_norm;
  return largest_difference(options, 0.05, [&](const std::vector<Tensor>& decayed, const std::vector<Tensor>& plain) {
    const auto group = [&](double decay) {
      return std::make_unique<torch::optim::SGDOptions>(
          torch::optim::SGDOptions(0.05).momentum(momentum).nesterov(nesterov).weight_decay(decay));
    };
    std::vector<torch::optim::OptimizerParamGroup> groups{{decayed, group(1e-2)}, {plain, group(0)}};
    return std::make_unique<torch::optim::SGD>(groups, *group(0));
  });
}

TEST(Optimizer, SgdEqualsLibTorchs) {
  EXPECT_LT(sgd_difference(0.9, true, 0), 1e-6);
  EXPECT_LT(sgd_difference(0.9, false, 0), 1e-6);
  EXPECT_LT(sgd_difference(0.0, false, 0), 1e-6);
  EXPECT_LT(sgd_difference(0.9, true, 0.5), 1e-6);
}

TEST(Optimizer, AdamWEqualsLibTorchs) {
  OptimizerOptions options;
  options.kind = "adamw";
  options.weight_decay = 0.05;
  // Adam divides by the square root of tiny squared gradients, which magnifies rounding: 1e-5 of steps of 1e-3.
  const double difference =
      largest_difference(options, 1e-3, [&](const std::vector<Tensor>& decayed, const std::vector<Tensor>& plain) {
        const auto group = [&](double decay) {
          return std::make_unique<torch::optim::AdamWOptions>(torch::optim::AdamWOptions(1e-3).weight_decay(decay));
        };
        std::vector<torch::optim::OptimizerParamGroup> groups{{decayed, group(0.05)}, {plain, group(0)}};
        return std::make_unique<torch::optim::AdamW>(groups, *group(0));
      });
  EXPECT_LT(difference, 1e-5);
}

Tensor leaf(const Tensor& value) { return value.clone().set_requires_grad(true); }

/// Other layouts and types take the general way, with the same result.
TEST(Optimizer, GeneralAndFlatWaysAgree) {
  for (const char* kind : {"sgd", "adamw"}) {
    OptimizerOptions options;
    options.kind = kind;
    torch::manual_seed(5);
    const Tensor start = torch::randn({6, 10});
    const Tensor flat = leaf(start);
    const Tensor strided = torch::zeros({6, 20}).slice(1, 0, 20, 2).copy_(start).set_requires_grad(true);
    Optimizer a({{"w", flat}}, options), b({{"w", strided}}, options);
    for (int i = 0; i < 5; ++i) {
      const Tensor g = torch::randn({6, 10});
      flat.mutable_grad() = g.clone();
      strided.mutable_grad() = g.clone();
      a.step(0.01);
      b.step(0.01);
    }
    EXPECT_LT((flat - strided).abs().max().item<double>(), 1e-6) << kind;
  }
}

TEST(Optimizer, ScalesStayPositiveAndUndecayed) {
  for (const char* kind : {"sgd", "adamw"}) {
    OptimizerOptions options;
    options.kind = kind;
    options.weight_decay = 1;
    const Tensor scale = leaf(torch::full({1}, 0.02));
    Optimizer optimizer({{"act.scale", scale}}, options);
    scale.mutable_grad() = torch::zeros({1});
    optimizer.step(0.1);
    EXPECT_EQ(scale.item<float>(), 0.02f) << kind;
    for (int i = 0; i < 100; ++i) {
      scale.mutable_grad() = torch::full({1}, 1e3);
      optimizer.step(0.1);
      EXPECT_GT(scale.item<float>(), 0);
    }
    EXPECT_NEAR(scale.item<double>(), 0.02 * std::pow(0.99, 100), 1e-5) << kind;
  }
}

TEST(Optimizer, RefusesAnotherKind) {
  OptimizerOptions options;
  options.kind = "lion";
  EXPECT_THROW(Optimizer({}, options), Error);
}

data::Batch batch_of(std::vector<int32_t> a, std::vector<int32_t> b = {}, std::vector<float> lambda = {}) {
  data::Batch batch;
  batch.labels = std::move(a);
  batch.labels_b = std::move(b);
  batch.lambda = std::move(lambda);
  return batch;
}

TEST(Loss, EqualsLibTorchsWithSmoothing) {
  torch::manual_seed(1);
  const Tensor logits = leaf(torch::randn({5, 7}) * 4), other = leaf(logits.detach());
  const std::vector<int32_t> labels{0, 6, 3, 3, 1};
  const Tensor ours = cross_entropy(logits, soft_targets(batch_of(labels), 7, 0.1));
  const Tensor theirs =
      torch::nn::functional::cross_entropy(other, torch::tensor(std::vector<int64_t>(labels.begin(), labels.end())),
                                           torch::nn::functional::CrossEntropyFuncOptions().label_smoothing(0.1));
  EXPECT_NEAR(ours.item<double>(), theirs.item<double>(), 1e-6);
  ours.backward();
  theirs.backward();
  EXPECT_LT((logits.grad() - other.grad()).abs().max().item<double>(), 1e-7);
}

TEST(Loss, MixedTargetsMixLosses) {
  torch::manual_seed(2);
  const Tensor logits = torch::randn({2, 4});
  const std::vector<float> lambda{0.25f, 1.0f};
  const double mixed = cross_entropy(logits, soft_targets(batch_of({0, 1}, {3, 2}, lambda), 4, 0)).item<double>();
  const Tensor log_p = torch::log_softmax(logits, 1);
  const auto at = [&](int i, int k) { return log_p.index({i, k}).item<double>(); };
  EXPECT_NEAR(mixed, -(0.25 * at(0, 0) + 0.75 * at(0, 3) + at(1, 1)) / 2, 1e-6);
  const Tensor targets = soft_targets(batch_of({0, 1}, {3, 2}, lambda), 4, 0.1);
  EXPECT_LT((targets.sum(1) - 1).abs().max().item<double>(), 1e-6);
  EXPECT_THROW(soft_targets(batch_of({4}), 4, 0), Error);
  EXPECT_THROW(soft_targets(batch_of({-1}), 4, 0), Error);
}

TEST(Ema, FollowsItsEquation) {
  const Tensor value = torch::full({3}, 2.0), buffer = torch::full({2, 2}, -1.0);
  Ema ema({{"w", value}, {"mean", buffer}}, 0.9);
  double w = 2, mean = -1;
  for (int t = 1; t <= 50; ++t) {
    value.fill_(2 + t);
    buffer.fill_(-1.0 / t);
    ema.update();
    const double d = 0.9 * (1 - std::exp(-t / 2000.0));
    EXPECT_NEAR(ema.decay_at(t), d, 1e-12);
    w = d * w + (1 - d) * (2 + t);
    mean = d * mean + (1 - d) * (-1.0 / t);
  }
  EXPECT_NEAR(ema.averages().at("w")[1].item<double>(), w, 1e-4);
  EXPECT_NEAR(ema.averages().at("mean")[1][0].item<double>(), mean, 1e-5);
  EXPECT_EQ(ema.steps(), 50);
}

TEST(LossScale, SkipsOverflowsAndAdapts) {
  LossScale scale(true);
  const double before = scale.scale();
  std::vector<Tensor> gradients{torch::full({2}, before)};
  EXPECT_TRUE(scale.unscale(gradients));
  EXPECT_EQ(gradients[0][0].item<double>(), 1.0);
  gradients[0][1] = INFINITY;
  EXPECT_FALSE(scale.unscale(gradients));
  EXPECT_EQ(scale.scale(), before / 2);
  gradients[0].fill_(1);
  for (int i = 0; i < 2000; ++i) EXPECT_TRUE(scale.unscale(gradients));
  EXPECT_EQ(scale.scale(), before);
  EXPECT_EQ(LossScale(false).scale(), 1.0);
}

TEST(LossLog, ReportsTheFirstBadStep) {
  LossLog log;
  EXPECT_FALSE(log.add(torch::tensor(2.0f), 10, 0, 0.1));
  EXPECT_FALSE(log.add(torch::tensor(4.0f), 30, 1, 0.1));
  EXPECT_DOUBLE_EQ(log.mean(), 3.5);
  const auto bad = log.add(torch::tensor(NAN), 10, 2, 0.2);
  ASSERT_TRUE(bad);
  EXPECT_EQ(bad->step, 2);
  EXPECT_EQ(bad->lr, 0.2);
}

TEST(LossLog, MeansOfTheParts) {
  LossLog log;
  log.add(torch::tensor(3.0f), 10, 0, 0.1, {{"box_loss", torch::tensor({2.0f})}, {"cls_loss", torch::tensor(1.0)}});
  log.add(torch::tensor(7.0f), 30, 1, 0.1, {{"box_loss", torch::tensor(6.0f)}, {"cls_loss", torch::tensor(1.0f)}});
  EXPECT_DOUBLE_EQ(log.mean(), 6);
  EXPECT_EQ(log.part_means(), (score::Scores{{"box_loss", 5}, {"cls_loss", 1}}));
  LossLog other;
  other.restore(log.sum(), log.images(), log.part_sums());
  EXPECT_EQ(other.part_means(), log.part_means());
  other.restore(0, 0);
  EXPECT_TRUE(other.part_means().empty());
}

TEST(NonFinite, NamesTheFirst) {
  const graph::Graph graph = samples::tiny_classifier(16, 10);
  nn::GraphModule module = module_of(graph);
  const Tensor x = torch::rand({4, 3, 16, 16});
  EXPECT_EQ(first_non_finite(module, x), "nothing but the loss");
  Tensor bad = x.clone();
  bad[0][0][0][0] = NAN;
  EXPECT_EQ(first_non_finite(module, bad), "the value of images");
  nn::GraphModule other = module_of(graph);
  const torch::NoGradGuard no_grad;
  other.parameters().at("model.1.conv.weight")[1][2][0][1] = INFINITY;
  EXPECT_EQ(first_non_finite(other, x), "parameter model.1.conv.weight");
}

TEST(Device, SaysWhyNot) {
  EXPECT_TRUE(open_device("cpu").is_cpu());
  EXPECT_THROW(open_device("gpu"), Error);
  EXPECT_THROW(open_device("cuda:x"), Error);
  try {
    open_device("cuda:99");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::unsupported);
  }
}

}  // namespace
}  // namespace quench::train
