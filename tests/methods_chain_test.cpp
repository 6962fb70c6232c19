// Methods of a study as chains of steps: short names, named chains, lists, and what cannot be.
#include <gtest/gtest.h>

#include <cmath>

#include "config/tables.h"
#include "core/error.h"
#include "methods/chain.h"

namespace quench::methods {
namespace {

std::vector<Method> methods(const char* entry) {
  return methods_of(parse_json(entry, "t"), step_table(), "classify", "native", "s.methods");
}

std::string steps_text(const std::vector<ChainStep>& steps) {
  std::string text;
  for (const ChainStep& step : steps) text += (text.empty() ? "" : " ") + step.step;
  return text;
}

std::vector<ChainStep> effective(const char* entry, const Json& train = Json::object()) {
  return effective_steps(methods(entry).at(0), step_table(), {"classify"}, train, "s.methods");
}

TEST(Chain, ShortNamesAreTheObviousChains) {
  EXPECT_EQ(steps_text(effective("\"fp32\"")), "");
  EXPECT_EQ(steps_text(effective("\"ptq\"")), "quantize convert");
  EXPECT_EQ(steps_text(effective("\"qat\"")), "quantize finetune convert");
  const auto both = methods(R"({"method": "qat", "observer": ["mse", "minmax"], "bits_w": [8, 4], "epochs": 2})");
  ASSERT_EQ(both.size(), 4u);
  EXPECT_EQ(both[2].setting, "mse,bits_w=4");
  EXPECT_EQ(both[2].steps[0].settings["bits_w"], 4);
  EXPECT_FALSE(both[1].steps[0].settings.contains("epochs"));
  EXPECT_EQ(both[1].steps[1].settings["epochs"], 2);
  EXPECT_EQ(bits_of(effective(R"({"method": "ptq", "bits_w": 4})")).weights, 4);
  EXPECT_EQ(bits_of({}).activations, 32);
}

TEST(Chain, NamedChainsSayTheirSteps) {
  const char* entry =
      R"({"name": "half", "steps": [{"quantize": {"observer": ["mse", "minmax"]}}, {"finetune": {"epochs": 2}}, "finetune"]})";
  const auto half = methods(entry);
  ASSERT_EQ(half.size(), 2u);
  EXPECT_EQ(half[1].method, "half");
  EXPECT_EQ(half[1].setting, "minmax");
  const auto steps = effective(entry, {{"flip", false}, {"batch", 16}, {"lr", 9.0}});
  EXPECT_EQ(steps_text(steps), "quantize finetune finetune convert");
  EXPECT_EQ(steps[0].settings["target"], "native");
  EXPECT_EQ(steps[1].settings["epochs"], 2);
  EXPECT_EQ(steps[1].settings["flip"], false) << "it augments as the training did";
  EXPECT_EQ(steps[1].settings["batch"], 16);
  EXPECT_NE(steps[1].settings["lr"], 9.0) << "its learning rate is its own";
  EXPECT_EQ(steps_text(effective(R"({"name": "longer", "steps": ["finetune"]})")), "finetune") << "float stays float";
}

TEST(Rounds, ReachTheGoalInPartsThatMultiplyToTheWhole) {
  const auto it = methods(R"({"name": "it", "steps": [{"repeat": {"rounds": 3, "steps": [
      {"prune": {"criterion": ["l1", "fpgm"], "target_gflops": "0.4x"}}, {"finetune": {"epochs": 1}}]}},
      {"quantize": {"observer": "mse"}}]})");
  ASSERT_EQ(it.size(), 2u);
  EXPECT_EQ(it[1].setting, "fpgm");
  EXPECT_EQ(steps_text(it[1].steps), "prune finetune prune finetune prune finetune quantize");
  double left = 1;
  for (const int step : {0, 2, 4}) {
    const std::string target = it[1].steps[step].settings["target_gflops"];
    ASSERT_EQ(target.back(), 'x');
    left *= std::stod(target);
    EXPECT_NEAR(left, 1 - 0.6 * (step / 2 + 1) / 3, 1e-5) << "linear: equal parts of what goes";
    EXPECT_EQ(it[1].steps[step].settings["criterion"], "fpgm");
  }
  const auto ratio = methods(R"({"name": "it", "steps": [{"repeat": {"rounds": 2, "schedule": "cubic", "steps": [
      {"prune": {"ratio": 0.5}}, "finetune"]}}]})");
  EXPECT_DOUBLE_EQ(ratio[0].steps[0].settings["ratio"].get<double>(), 0.5 * (1 - 0.125));
  EXPECT_DOUBLE_EQ(ratio[0].steps[2].settings["ratio"].get<double>(), 1 - 0.5 / (1 - 0.5 * (1 - 0.125)));
}

TEST(Rounds, ALatencyIsHeldAgainstTheModelBeforeTheFirst) {
  const auto it = methods(R"({"name": "it", "steps": [{"repeat": {"rounds": 4, "steps": [
      {"prune": {"target_latency": "0.6x"}}, {"finetune": {"epochs": 1}}]}}]})");
  std::vector<std::string> targets;
  for (const int step : {0, 2, 4, 6}) targets.push_back(it[0].steps[step].settings["target_latency"]);
  EXPECT_EQ(targets, (std::vector<std::string>{"0.9x", "0.8x original", "0.7x original", "0.6x original"}));
}

TEST(Rounds, ZerosAreAddedUpToTheShareOfEachRound) {
  const auto gradual = methods(R"({"name": "gradual", "steps": [{"repeat": {"rounds": 4, "schedule": "cubic", "steps": [
      {"sparsify": {"sparsity": 0.8}}, {"finetune": {"epochs": 1}}]}}]})");
  for (const int round : {1, 2, 3, 4}) {
    // Zhu & Gupta 2017, eq. 1, with s_i = 0, t_0 = 0 and n rounds
    const double expected = 0.8 + (0 - 0.8) * std::pow(1 - round / 4.0, 3);
    EXPECT_NEAR(gradual[0].steps[2 * (round - 1)].settings["sparsity"].get<double>(), expected, 1e-12);
  }
  EXPECT_EQ(effective(R"({"name": "g", "steps": [{"repeat": {"rounds": 2, "steps": [{"sparsify": {"sparsity": 0.8}},
      "finetune"]}}]})")
                .size(),
            4u);
}

TEST(Chain, AStepSaysWhatOfTheDataItReadsUnderItsSettings) {
  const StepTable table = step_table();
  const auto reads = [&](const char* entry) {
    const ChainStep step = effective(entry).at(0);
    return table.require(step.step, "t").reads(step.settings);
  };
  EXPECT_EQ(reads(R"({"name": "p", "steps": [{"prune": {"criterion": "bn_scale", "ratio": 0.5}}]})"), Needs::nothing);
  EXPECT_EQ(reads(R"({"name": "p", "steps": [{"prune": {"criterion": "taylor", "ratio": 0.5}}]})"),
            Needs::calibration_images);
  EXPECT_EQ(reads("\"ptq\""), Needs::calibration_images) << "whatever its settings";
  for (const std::string& criterion : config::prune_options().find("criterion")->choices) {
    EXPECT_EQ(config::criterion_reads_images(criterion),
              table.require("prune", "t").reads({{"criterion", criterion}}) != Needs::nothing);
  }
}

TEST(Chain, RequantizationByIntegersTakesTablesOfSiluUnasked) {
  EXPECT_NO_THROW(effective(R"({"method": "ptq", "requantization": "dyadic"})"));
  EXPECT_NO_THROW(effective(R"({"method": "ptq", "requantization": "dyadic", "silu_tables": true})"));
  EXPECT_NO_THROW(effective(R"({"method": "ptq", "requantization": "float", "silu_tables": false})"));
}

TEST(Chain, WhatCannotBeIsRefusedBeforeAnyWork) {
  const std::pair<const char*, const char*> cases[] = {
      {R"("prq")", "did you mean 'ptq'"},
      {R"({"method": "fp32", "observer": "mse"})", "observer"},
      {R"({"method": "ptq", "epochs": 3})", "epochs"},
      {R"({"method": "ptq", "observer": []})", "empty list"},
      {R"({"name": "a", "steps": [{"quantise": {}}]})", "did you mean 'quantize'"},
      {R"({"name": "a", "steps": [{"quantize": {"observr": "mse"}}]})", "did you mean 'observer'"},
      {R"({"name": "a", "steps": []})", "list of steps"},
      {R"({"name": "a", "steps": ["repeat"]})", "list of steps"},
      {R"({"name": "a", "steps": [{"repeat": {"rounds": 3, "steps": ["finetune"]}}]})", "no step here has a goal"},
      {R"({"name": "a", "steps": [{"repeat": {"rounds": 1, "steps": ["finetune"]}}]})", "rounds"},
      {R"({"name": "a", "steps": [{"repeat": {"times": 3, "steps": ["finetune"]}}]})", "times"},
      {R"({"name": "a", "steps": [{"repeat": {"steps": [{"prune": {"target_params": "3M"}}]}}]})", "a share"},
      {R"({"name": "a", "steps": [{"repeat": {"steps": [{"prune": {"target_params": "1.2x"}}]}}]})", "a share"},
      {R"({"name": "a", "steps": [{"repeat": {"steps": [{"sparsify": {"pattern": "2:4"}}]}}]})", "N:M"},
      {R"({"name": "a", "steps": [{"repeat": {"steps": [{"sparsify": {}}]}}]})", "expected sparsity"},
      {R"({"name": "a", "steps": ["train"]})", "after the training"},
      {R"({"name": "a/b", "steps": ["quantize"]})", "without '/'"},
      {R"({"name": "qat", "steps": ["quantize"]})", "a name of your own"},
      {R"({"name": "a", "steps": ["quantize", "convert", "quantize"]})", "quantized already"},
      {R"({"name": "a", "steps": ["convert"]})", "expected a quantized model"},
      {R"({"name": "a", "steps": [{"quantize": {}, "finetune": {}}]})", "a map of one step"},
      {R"({"name": "a", "step": [], "steps": ["quantize"]})", "did you mean 'steps'"},
      {R"({"method": "ptq", "requantization": "dyadic", "silu_tables": false})", "no 'silu_tables: false'"},
      {R"({"name": "a", "steps": [{"quantize": {"requantization": "dyadic", "silu_tables": false}}]})",
       "a table there"},
      {R"({"method": "qat", "precision": "bf16"})", "expected `precision: fp32`"},
      {R"(3)", "expected a method name"},
  };
  for (const auto& [entry, words] : cases) {
    try {
      for (const Method& method : methods(entry)) {
        effective_steps(method, step_table(), {"classify"}, Json::object(), "s.methods");
      }
      ADD_FAILURE() << entry;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::config) << entry;
      EXPECT_NE(std::string(error.what()).find(words), std::string::npos) << entry << ": " << error.what();
    }
  }
}

TEST(Finetune, KeepsAugmentationMachineAndWhatTheTableSays) {
  const Json kept = step_table().require("finetune", "test").inherits(config::fit_options().defaults());
  for (const char* name : {"batch", "label_smoothing", "device", "threads", "workers", "flip", "mixup"}) {
    EXPECT_TRUE(kept.contains(name)) << name;
  }
  for (const char* name : {"epochs", "lr", "seed", "keep"}) EXPECT_FALSE(kept.contains(name)) << name;
}

}  // namespace
}  // namespace quench::methods
