#include <gtest/gtest.h>

#include "core/error.h"
#include "core/file.h"
#include "nn/graph_module.h"
#include "stopping_dataset.h"
#include "train/distill/distill_objective.h"
#include "train/loop/checkpoint.h"
#include "train/loop/evaluation.h"
#include "train/loop/fit_settings.h"
#include "train/loop/objective.h"
#include "train/loop/step_profile.h"
#include "train/loop/trainer.h"
#include "train/optimizers/precision.h"
#include "train_samples.h"

namespace quench::train {
namespace {

using samples::expect_error;

FitResult fit_in(const samples::Folder& folder, const Json& config, const LogSink* log = nullptr,
                 Resume resume = Resume::never) {
  FitContext context;
  context.folder = folder.path();
  context.log = log;
  context.resume = resume;
  return fit(samples::tiny_classifier(24, 10), samples::tiny_shapes(), config, context);
}

TEST(Precision, SettingsAreResolved) {
  const graph::Graph graph = samples::tiny_classifier(24, 10);
  const auto precision = [&](const Json& config) { return parse_settings(config, graph).precision; };
  EXPECT_EQ(precision(Json::object()), "fp32");
  EXPECT_EQ(precision({{"precision", "bf16"}}), "bf16");
  EXPECT_EQ(precision({{"amp", true}, {"device", "cuda"}}), "fp16");
  EXPECT_EQ(precision({{"precision", "fp16"}, {"device", "cuda:1"}}), "fp16");
  EXPECT_EQ(parse_settings({{"precision", "fp32"}}, graph).identity, parse_settings(Json::object(), graph).identity)
      << "a run without the setting resumes under its default";
  const auto refused = [&](const Json& config, const std::string& part, const graph::Graph& of) {
    expect_error(ErrorKind::config, part, [&] { parse_settings(config, of); });
  };
  refused({{"precision", "fp16"}}, "device: cuda", graph);
  refused({{"precision", "bf16"}, {"amp", true}, {"device", "cuda"}}, "amp: true", graph);
  refused({{"precision", "fp8"}}, "precision", graph);
  refused({{"profile", 5}, {"device", "cuda"}}, "profile", graph);
  graph::Graph quantized = graph;
  quantized.edges.at(quantized.nodes.at(0).outputs.at(0)).quant.emplace();
  refused({{"precision", "bf16"}}, "quantization is simulated", quantized);
}

TEST(Precision, Bf16IsRefusedWithoutTheInstructions) {
  expect_error(ErrorKind::unsupported, "AVX512-BF16", [] { bf16_on_cpu("bf16", torch::kCPU, false); });
  EXPECT_FALSE(bf16_on_cpu("fp32", torch::kCPU, false));
  EXPECT_TRUE(bf16_on_cpu("bf16", torch::kCPU, true));
  EXPECT_FALSE(bf16_on_cpu("bf16", torch::kCUDA, true)) << "that is autocast's business";
}

class Bf16Fit : public testing::Test {
 protected:
  void SetUp() override {
    if (!has_bf16()) GTEST_SKIP() << "this processor has no AVX512-BF16";
  }
};

TEST_F(Bf16Fit, TwentyStepsFollowFloat32) {
  Json config = samples::tiny_config();
  config["epochs"] = 2;  // of ten steps
  const samples::Folder folder;
  const auto losses = [&](const char* precision) {
    config["precision"] = precision;
    fit_in(folder, config);
    std::vector<double> out;
    for (const EpochRow& row : load_checkpoint(folder.path() / "checkpoint.qckpt").rows) out.push_back(row.train_loss);
    return out;
  };
  const std::vector<double> exact = losses("fp32"), rounded = losses("bf16");
  ASSERT_EQ(rounded.size(), 2u);
  EXPECT_NE(rounded, exact);
  for (size_t i = 0; i < exact.size(); ++i) EXPECT_NEAR(rounded[i] / exact[i], 1, 0.01) << i;
}

TEST_F(Bf16Fit, ATeacherComputesInItTooUnlessItIsQuantized) {
  const graph::Graph graph = samples::tiny_classifier(24, 10);
  const data::Splits data = samples::tiny_shapes();
  const data::Batch batch = samples::first_batch(data.train, 8);
  const torch::NoGradGuard no_gradient;
  const auto outputs = nn::GraphModule(graph).forward(pixels_of(batch.images, torch::kCPU));
  const auto share_of_teacher = [&](const graph::Graph& teacher, const char* precision) {
    const FitSettings settings = parse_settings({{"precision", precision}}, graph);
    const DistillSettings distill = distill_settings({{"distill_weight", 1000.0}}, "classify");
    const auto objective = distilled(teacher, distill)(graph, data, settings);
    const torch::Tensor own = make_objective(graph, data, settings)->loss(outputs, batch);
    return (objective->loss(outputs, batch) - own).item<double>();
  };
  EXPECT_EQ(share_of_teacher(graph, "fp32"), 0) << "the model is its teacher";
  const double rounded = share_of_teacher(graph, "bf16");
  EXPECT_NE(rounded, 0);
  EXPECT_NEAR(rounded, 0, 1);
  graph::Graph quantized = graph;
  graph::QuantParams params;
  params.scale = {0.01F};
  params.zero_point = {0};
  quantized.edges.at(quantized.nodes.at(0).inputs.at(0)).quant = params;
  EXPECT_EQ(share_of_teacher(quantized, "bf16"), share_of_teacher(quantized, "fp32"));
}

TEST_F(Bf16Fit, CancelledAndResumedEqualsStraight) {
  Json config = samples::tiny_config();
  config["precision"] = "bf16";
  const samples::Folder folder;
  const graph::Graph wanted = fit_in(folder, config).graph;
  EXPECT_TRUE(fit_in(folder, config).graph == wanted);
  for (const int64_t stop_after : {7, 13}) {
    std::filesystem::remove_all(folder.path());
    CancelToken cancel;
    data::Splits data = samples::tiny_shapes();
    data.train = std::make_shared<samples::StoppingDataset>(data.train, cancel, stop_after * 40);
    FitContext context;
    context.folder = folder.path();
    context.cancel = &cancel;
    expect_error(ErrorKind::cancelled, "", [&] { fit(samples::tiny_classifier(24, 10), data, config, context); });
    EXPECT_TRUE(fit_in(folder, config, nullptr, Resume::or_fail).graph == wanted) << stop_after;
  }
  config["precision"] = "fp32";
  EXPECT_THROW(fit_in(folder, config, nullptr, Resume::or_fail), Error) << "a run of another precision";
}

TEST(Profile, ComesOnceWithStagesAndOperators) {
  std::vector<std::string> profiles;
  LogSink log;
  log.message = [&](LogLevel, std::string_view text) {
    if (text.starts_with("profile of ")) profiles.emplace_back(text);
  };
  Json config = samples::tiny_config();
  const samples::Folder folder;
  const graph::Graph without = fit_in(folder, config, &log).graph;
  EXPECT_TRUE(profiles.empty());
  config["profile"] = 12;  // over the end of an epoch
  EXPECT_TRUE(fit_in(folder, config, &log).graph == without) << "looking changes nothing";
  ASSERT_EQ(profiles.size(), 1u);
  EXPECT_TRUE(profiles[0].starts_with("profile of 12 steps, ")) << profiles[0];
  size_t at = 0;
  for (const char* part : {"wait for data", "forward", "loss", "backward", "optimizer", "average", "operators"}) {
    const size_t found = profiles[0].find(part, at);
    ASSERT_NE(found, std::string::npos) << part << " in\n" << profiles[0];
    at = found;
  }
  for (const char* name : {"quench::batch_norm ", "quench::batch_norm_backward", "convolution_backward"}) {
    EXPECT_NE(profiles[0].find(name), std::string::npos) << name << " in\n" << profiles[0];
  }
}

TEST(Profile, OfARunThatEndsBeforeShowsWhatThereWas) {
  std::vector<std::string> said;
  LogSink log;
  log.message = [&](LogLevel, std::string_view text) {
    if (text.starts_with("profile")) said.emplace_back(text);
  };
  Json config = samples::tiny_config();
  config["epochs"] = 1;
  config["profile"] = 1000;
  const samples::Folder folder;
  fit_in(folder, config, &log);
  ASSERT_EQ(said.size(), 2u);
  EXPECT_NE(said[0].find("expected 1000 steps"), std::string::npos) << said[0];
  EXPECT_NE(said[1].find("forward"), std::string::npos) << said[1];
}

TEST(Profile, WithoutStepsIsNothing) {
  StepProfile none(0);
  none.enter("forward");
  EXPECT_FALSE(none.end_step(8));
  StepProfile one(1);
  for (int64_t i = 0; i < StepProfile::kWarmUp; ++i) EXPECT_FALSE(one.end_step(8));
  one.enter("forward");
  EXPECT_TRUE(one.end_step(8));
  one.enter("forward");
  EXPECT_FALSE(one.end_step(8)) << "said once";
}

}  // namespace
}  // namespace quench::train
