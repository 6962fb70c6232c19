#include <gtest/gtest.h>

#include <fstream>

#include "core/error.h"
#include "core/file.h"
#include "core/text.h"
#include "graph/onnx_read.h"
#include "graph/passes.h"
#include "nn/graph_module.h"
#include "nn/weight_scales.h"
#include "stopping_dataset.h"
#include "train/loop/checkpoint.h"
#include "train/loop/objective.h"
#include "train/loop/trainer.h"
#include "train_samples.h"

namespace quench::train {
namespace {

using samples::expect_error;

FitContext context_of(const samples::Folder& folder) {
  FitContext context;
  context.folder = folder.path();
  return context;
}

double top1(const FitResult& result) { return score_of(result.scores, "top1"); }

TEST(Fit, LearnsStripes) {
  const samples::Folder folder;
  Json config = samples::tiny_config();
  config["epochs"] = 6;
  config["flip"] = false;  // would turn one direction into another
  config["mixup"] = 0.0;
  config["ema_decay"] = 0.9;
  std::vector<std::string> lines;
  LogSink log;
  log.message = [&](LogLevel, std::string_view text) { lines.emplace_back(text); };
  FitContext context = context_of(folder);
  context.log = &log;
  const data::Splits data = samples::tiny_stripes(600, 200);
  const FitResult result = fit(samples::tiny_classifier(24, 10), data, config, context);
  EXPECT_GT(top1(result), 0.9);  // chance: 0.1
  EXPECT_GE(score_of(result.scores, "top5"), top1(result));
  EXPECT_EQ(result.epochs, 6);
  EXPECT_GT(result.images_per_second, 0);
  EXPECT_EQ(lines.size(), 6u);
  const Checkpoint checkpoint = load_checkpoint(folder.path() / "checkpoint.qckpt");
  ASSERT_EQ(checkpoint.rows.size(), 6u);
  EXPECT_LT(checkpoint.rows.back().train_loss, checkpoint.rows.front().train_loss);
  EXPECT_EQ(read_file(folder.path() / "results.csv"), results_csv(checkpoint.rows));
}

TEST(Fit, SameTwice) {
  const samples::Folder folder;
  FitContext context = context_of(folder);
  const auto once = [&](int workers) {
    Json config = samples::tiny_config();
    config["threads"] = 2;
    config["workers"] = workers;
    context.resume = Resume::never;
    return fit(samples::tiny_classifier(24, 10), samples::tiny_shapes(), config, context).graph;
  };
  const graph::Graph first = once(2);
  EXPECT_TRUE(first == once(2));
  EXPECT_TRUE(first == once(1));
  EXPECT_FALSE(first == samples::tiny_classifier(24, 10));
}

TEST(Fit, EveryOptimizerAndSchedule) {
  for (const char* optimizer : {"sgd", "adamw"}) {
    for (const char* schedule : {"linear", "constant"}) {
      const samples::Folder folder;
      Json config = samples::tiny_config();
      config["optimizer"] = optimizer;
      config["schedule"] = schedule;
      config["lr"] = 0.005;
      config["clip_norm"] = 1.0;
      config["ema"] = false;
      config["eval_every"] = 2;
      const FitResult result =
          fit(samples::tiny_classifier(24, 10), samples::tiny_shapes(), config, context_of(folder));
      const auto rows = load_checkpoint(folder.path() / "checkpoint.qckpt").rows;
      EXPECT_TRUE(rows.at(0).scores.empty());
      EXPECT_FALSE(rows.at(1).scores.empty());
      EXPECT_EQ(rows.at(2).scores, result.scores);  // the last epoch is evaluated whatever eval_every
      EXPECT_LT(rows.at(2).train_loss, rows.at(0).train_loss) << optimizer << " " << schedule;
    }
  }
}

/// Quantization-aware: edges and weights carry quantization, and learned ranges move.
TEST(Fit, TrainsAPreparedGraph) {
  const samples::Folder folder;
  graph::samples::QuantizeOptions options;
  options.integer = false;
  const graph::Graph start = graph::samples::quantized(samples::tiny_classifier(24, 10), options);
  Json config = samples::tiny_config();
  config["lr"] = 0.01;
  config["ranges"] = "learned";
  const FitResult result = fit(start, samples::tiny_shapes(), config, context_of(folder));
  int moved = 0;
  for (const graph::Edge& edge : result.graph.edges) {
    if (!edge.quant) continue;
    ASSERT_GT(edge.quant->scale.at(0), 0);
    for (const graph::Edge& before : start.edges) {
      moved += before.name == edge.name && before.quant && before.quant->scale != edge.quant->scale;
    }
  }
  EXPECT_GT(moved, 0);
  for (const graph::Node& node : result.graph.nodes) {  // scales of weights went with them, and with learned ranges
    const graph::Weight* weight = result.graph.weight(node, "weight");
    if (!weight || !weight->quant) continue;
    const graph::Weight* bias = result.graph.weight(node, "bias");
    const graph::QuantParams covering =
        nn::max_abs_params(weight->value, bias ? &bias->value : nullptr,
                           result.graph.edge(node.inputs[0]).quant->scale[0], weight->quant->bits, weight->quant->axis);
    EXPECT_EQ(*weight->quant, covering) << node.name;
    EXPECT_NE(*weight->quant, *start.weight(node, "weight")->quant) << node.name;
  }
  config["ranges"] = "frozen";
  expect_error(ErrorKind::config, "ranges", [&] { fit(start, samples::tiny_shapes(), config, context_of(folder)); });
}

TEST(Fit, KeepsScalesOfWeightsThatAreFixed) {
  const samples::Folder folder;
  graph::samples::QuantizeOptions options;
  options.integer = false;
  options.weight_clip = 0.6;
  graph::Graph start = graph::samples::quantized(samples::tiny_classifier(24, 10), options);
  start.metadata["weight_scales"] = "fixed";
  Json config = samples::tiny_config();
  config["lr"] = 0.01;
  const FitResult result = fit(start, samples::tiny_shapes(), config, context_of(folder));
  int moved = 0;
  for (const auto& [name, weight] : start.weights) {
    const graph::Weight& after = result.graph.weights.at(name);
    if (weight.quant) {
      EXPECT_EQ(*after.quant, *weight.quant) << name;
    }
    moved += weight.quant && !(after.value == weight.value);
  }
  EXPECT_GT(moved, 2);
}

TEST(Fit, StopsOnALossThatIsNotFinite) {
  const samples::Folder folder;
  graph::Graph graph = samples::tiny_classifier(24, 10);
  graph.weights.at("model.1.bn.weight").value.mutable_values<float>()[0] = std::numeric_limits<float>::infinity();
  expect_error(ErrorKind::data, "epoch 1, step 0, learning rate 0.01; first not finite: parameter model.1.bn.weight",
               [&] { fit(graph, samples::tiny_shapes(), samples::tiny_config(), context_of(folder)); });
  Json config = samples::tiny_config();
  config["lr"] = 900;
  config["nesterov"] = false;
  config["weight_decay"] = 10;
  expect_error(ErrorKind::data, "expected a finite loss", [&] {
    const samples::Folder other;
    fit(samples::tiny_classifier(24, 10), samples::tiny_shapes(), config, context_of(other));
  });
}

TEST(Fit, CancelKeepsWhatWasDoneAndResumesExactly) {
  const graph::Graph start = samples::tiny_classifier(24, 10);
  const Json config = samples::tiny_config();
  const samples::Folder folder;
  FitContext straight = context_of(folder);
  straight.resume = Resume::never;
  const graph::Graph wanted = fit(start, samples::tiny_shapes(), config, straight).graph;
  for (const int64_t stop_after : {1, 7, 10, 13, 29}) {
    std::filesystem::remove_all(folder.path());
    // A data set that cancels when its image number `stop_after * 40` is read: in the middle of an epoch.
    CancelToken cancel;
    data::Splits data = samples::tiny_shapes();
    data.train = std::make_shared<samples::StoppingDataset>(data.train, cancel, stop_after * 40);
    FitContext context = context_of(folder);
    context.cancel = &cancel;
    try {
      fit(start, data, config, context);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::cancelled);
      ASSERT_TRUE(std::filesystem::exists(folder.path() / "checkpoint.qckpt"));
    }
    EXPECT_TRUE(fit(start, samples::tiny_shapes(), config, context_of(folder)).graph == wanted) << stop_after;
    const auto lines = split_text(read_file(folder.path() / "results.csv"), '\n');
    EXPECT_EQ(lines.size(), 4u) << stop_after;  // header, 3 epochs
    EXPECT_TRUE(lines.at(3).starts_with("3,"));
  }
}

// A damaged checkpoint once failed every resume.
TEST(Fit, ADamagedCheckpointIsPutAsideAndTheRunStartsAnew) {
  const samples::Folder folder;
  const std::filesystem::path checkpoint = folder.path() / "checkpoint.qckpt";
  std::filesystem::path aside = checkpoint;
  aside += ".damaged";
  const graph::Graph start = samples::tiny_classifier(24, 10);
  std::vector<std::string> warnings;
  const LogSink log{[&](LogLevel level, std::string_view text) {
                      if (level == LogLevel::warning) warnings.emplace_back(text);
                    },
                    nullptr};
  FitContext context = context_of(folder);
  context.log = &log;
  const auto train = [&] { return fit(start, samples::tiny_shapes(), samples::tiny_config(), context); };
  const FitResult first = train();
  const std::string whole = read_file(checkpoint);
  std::string flipped = whole;
  flipped[whole.size() / 2] = static_cast<char>(flipped[whole.size() / 2] ^ 16);
  for (const std::string& bad : {flipped, whole.substr(0, whole.size() / 3), std::string()}) {
    warnings.clear();
    write_file(checkpoint, bad);
    EXPECT_TRUE(train().graph == first.graph);
    ASSERT_EQ(warnings.size(), 1u);
    EXPECT_NE(warnings[0].find("starts anew"), std::string::npos) << warnings[0];
    EXPECT_NE(warnings[0].find(aside.string()), std::string::npos) << warnings[0];
    EXPECT_EQ(read_file(aside), bad);
  }
  warnings.clear();
  EXPECT_TRUE(train().graph == first.graph) << "the new checkpoint is whole";
  EXPECT_TRUE(warnings.empty());
}

TEST(Fit, AKeyedFolderPutsACheckpointOfAnotherRunAside) {
  const samples::Folder folder;
  const graph::Graph start = samples::tiny_classifier(24, 10);
  std::vector<std::string> warnings;
  const LogSink log{[&](LogLevel level, std::string_view text) {
                      if (level == LogLevel::warning) warnings.emplace_back(text);
                    },
                    nullptr};
  const auto train = [&](const char* teacher) {
    FitContext context = context_of(folder);
    context.log = &log;
    context.resume = Resume::or_start_anew;
    context.also = {{"teacher_sha256", teacher}};
    return fit(start, samples::tiny_shapes(), samples::tiny_config(), context).graph;
  };
  const graph::Graph first = train("one");
  const std::string old = read_file(folder.path() / "checkpoint.qckpt");
  EXPECT_TRUE(warnings.empty());
  EXPECT_TRUE(train("two") == first) << "the same training, from its start";
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_NE(warnings[0].find("`teacher_sha256` was \"one\" there, is \"two\" here"), std::string::npos) << warnings[0];
  EXPECT_EQ(read_file(folder.path() / "checkpoint.qckpt.other"), old);
  train("two");
  EXPECT_EQ(warnings.size(), 1u) << "it goes on from the new one";
}

TEST(Fit, AFinishedRunIsTakenAsItIs) {
  const samples::Folder folder;
  const graph::Graph start = samples::tiny_classifier(24, 10);
  const FitResult first = fit(start, samples::tiny_shapes(), samples::tiny_config(), context_of(folder));
  const FitResult again = fit(start, samples::tiny_shapes(), samples::tiny_config(), context_of(folder));
  EXPECT_TRUE(again.graph == first.graph);
  EXPECT_EQ(again.scores, first.scores);
  EXPECT_EQ(again.seconds, first.seconds);
}

/// The task's objective, with its loss multiplied: what a caller that adds to a loss does.
class ScaledObjective : public Objective {
 public:
  ScaledObjective(std::unique_ptr<Objective> inner, double scale, int& calls)
      : inner_(std::move(inner)), scale_(scale), calls_(calls) {}
  torch::Tensor loss(const std::vector<torch::Tensor>& outputs, const data::Batch& batch) override {
    ++calls_;
    return inner_->loss(outputs, batch) * scale_;
  }
  double gradient_gain() const override { return inner_->gradient_gain(); }

 private:
  std::unique_ptr<Objective> inner_;
  double scale_;
  int& calls_;
};

TEST(Fit, TakesTheCallersObjective) {
  const graph::Graph start = samples::tiny_classifier(24, 10);
  Json config = samples::tiny_config();
  config["weight_decay"] = 0.0;
  config["epochs"] = 1;
  const samples::Folder folder;
  int calls = 0;
  const auto scaled = [&](double scale) {
    FitContext context = context_of(folder);
    context.resume = Resume::never;
    context.objective = [&calls, scale](const graph::Graph& graph, const data::Splits& data,
                                        const FitSettings& settings) {
      return std::make_unique<ScaledObjective>(make_objective(graph, data, settings), scale, calls);
    };
    return fit(start, samples::tiny_shapes(), config, context).graph;
  };
  FitContext own = context_of(folder);
  own.resume = Resume::never;
  EXPECT_TRUE(scaled(1) == fit(start, samples::tiny_shapes(), config, own).graph);
  EXPECT_EQ(calls, 10) << "one epoch of ten batches";
  const graph::Graph still = scaled(0);
  EXPECT_EQ(still.weights.at("model.3.linear.weight"), start.weights.at("model.3.linear.weight")) << "no gradient";
}

/// Every second weight of a convolution is held at zero: in the weights as trained, and in their average, which starts
/// from weights that are not zero.
TEST(Fit, AHookHoldsAMask) {
  const std::string name = "model.1.conv.weight";
  const graph::Graph start = samples::tiny_classifier(24, 10);
  for (const bool ema : {false, true}) {
    const samples::Folder folder;
    Json config = samples::tiny_config();
    config["ema"] = ema;
    config["epochs"] = 1;
    int steps = -1;  // the first call comes before the first step
    FitContext context = context_of(folder);
    context.after_step = [&](nn::GraphModule& module) {
      torch::Tensor weight = module.parameters().at(name);
      weight.mul_(torch::arange(weight.numel()).remainder(2).to(weight.dtype()).reshape(weight.sizes()));
      ++steps;
    };
    context.also = {{"mask", "every second"}};
    const graph::Graph result = fit(start, samples::tiny_shapes(), config, context).graph;
    EXPECT_EQ(steps, 10);
    const auto values = result.weights.at(name).value.values<float>();
    for (size_t i = 0; i < values.size(); i += 2) ASSERT_EQ(values[i], 0) << i << " ema " << ema;
    EXPECT_NE(values[1], start.weights.at(name).value.values<float>()[1]);
    context.also = {{"mask", "another"}};
    for (const char* part : {"`mask` was", "--work FOLDER", "--no-resume"}) {
      expect_error(ErrorKind::config, part, [&] { fit(start, samples::tiny_shapes(), config, context); });
    }
  }
}

TEST(Fit, RefusesWhatDoesNotFit) {
  const samples::Folder folder;
  const graph::Graph start = samples::tiny_classifier(24, 10);
  const data::Splits data = samples::tiny_shapes();
  Json config = samples::tiny_config();
  fit(start, data, config, context_of(folder));
  config["weight_decay"] = 0.3;
  expect_error(ErrorKind::config, "`weight_decay` was 0.0005 there, is 0.3 here",
               [&] { fit(start, data, config, context_of(folder)); });
  config = samples::tiny_config();
  expect_error(ErrorKind::config, "[1,10]",
               [&] { fit(samples::tiny_classifier(24, 7), data, config, context_of(folder)); });
  config["device"] = "cuda:77";
  expect_error(ErrorKind::unsupported, "cuda:77", [&] { fit(start, data, config, context_of(folder)); });
}

TEST(Fit, FrozenRowsStay) {
  const samples::Folder folder;
  Json config = samples::tiny_config();
  config["freeze"] = 2;
  const graph::Graph start = samples::tiny_classifier(24, 10);
  const graph::Graph made = fit(start, samples::tiny_shapes(), config, context_of(folder)).graph;
  for (const auto& [name, weight] : start.weights) {
    const bool frozen = name.starts_with("model.0.") || name.starts_with("model.1.");
    EXPECT_EQ(made.weights.at(name) == weight, frozen) << name;
  }
  config["freeze"] = 4;
  const samples::Folder other;
  expect_error(ErrorKind::config, "at most 3 rows",
               [&] { fit(start, samples::tiny_shapes(), config, context_of(other)); });
}

TEST(Fit, ZeroEpochsEvaluates) {
  const samples::Folder folder;
  Json config = samples::tiny_config();
  config["epochs"] = 0;
  const graph::Graph start = samples::tiny_classifier(24, 10);
  const FitResult result = fit(start, samples::tiny_shapes(), config, context_of(folder));
  EXPECT_TRUE(result.graph == start);
  EXPECT_GE(score_of(result.scores, "top5"), top1(result));
}

/// Two batches of 8 whose gradients make one step, against batches of 16. Without batch norm, whose statistics depend
/// on the batch, both are the same sums.
TEST(Fit, AccumulatesGradients) {
  const graph::Graph start = graph::fold_batch_norms(samples::tiny_classifier(24, 10));
  const auto trained = [&](int batch, int accumulate) {
    const samples::Folder folder;
    Json config = samples::tiny_config();
    config["epochs"] = 1;
    config["batch"] = batch;
    config["accumulate"] = accumulate;
    config["mixup"] = 0.0;
    config["schedule"] = "constant";
    config["warmup_epochs"] = 0;
    config["lr"] = 0.01;
    config["ema"] = false;
    return fit(start, samples::tiny_shapes(24, 64), config, context_of(folder)).graph;
  };
  const graph::Graph whole = trained(16, 1), halves = trained(8, 2), never = trained(8, 1);
  double apart = 0, moved = 0, other = 0;
  for (const auto& [name, weight] : whole.weights) {
    const auto values = weight.value.values<float>();
    for (size_t i = 0; i < values.size(); ++i) {
      apart = std::max(apart, std::abs(double{values[i]} - halves.weights.at(name).value.values<float>()[i]));
      other = std::max(other, std::abs(double{values[i]} - never.weights.at(name).value.values<float>()[i]));
      moved = std::max(moved, std::abs(double{values[i]} - start.weights.at(name).value.values<float>()[i]));
    }
  }
  EXPECT_GT(moved, 1e-3);
  EXPECT_LT(apart, 1e-3 * moved);
  EXPECT_GT(other, 1e-2 * moved);
}

TEST(Fit, KeepsTheBestEpoch) {
  const samples::Folder folder;
  Json config = samples::tiny_config();
  config["epochs"] = 4;
  config["keep"] = "best";
  const data::Splits data = samples::tiny_shapes();
  const FitResult result = fit(samples::tiny_classifier(24, 10), data, config, context_of(folder));
  data::Splits other = data;
  other.test = data::first_images(data.test, 1);
  const samples::Folder second;
  const FitResult again = fit(samples::tiny_classifier(24, 10), other, config, context_of(second));
  EXPECT_TRUE(again.graph == result.graph) << "the choice depends on test images";
  EXPECT_EQ(result.chosen_on, "validation");
  double best = 0;
  for (const EpochRow& row : load_checkpoint(folder.path() / "checkpoint.qckpt").rows) {
    best = std::max(best, row.scores.at(0).value);
  }
  EXPECT_EQ(load_checkpoint(folder.path() / "checkpoint.qckpt").best_score, best);
  EXPECT_TRUE(graph::read_model(folder.path() / "best.onnx").graph == result.graph);
  config["keep"] = "last";
  const samples::Folder third;
  EXPECT_EQ(fit(samples::tiny_classifier(24, 10), data, config, context_of(third)).chosen_on, "none");
  EXPECT_FALSE(std::filesystem::exists(third.path() / "best.onnx"));
}

}  // namespace
}  // namespace quench::train
