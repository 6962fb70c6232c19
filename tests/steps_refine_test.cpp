// equalize, adaround and correct_bias as steps: in chains with the steps of today, by their commands' settings, and
// what they refuse.
#include <gtest/gtest.h>

#include <algorithm>

#include "config/tables.h"
#include "error_testing.h"
#include "graph/onnx_write.h"
#include "graph/passes.h"
#include "graph/quantized.h"
#include "quant/float_twin.h"
#include "quant/image_batches.h"
#include "quant/layer_errors.h"
#include "steps_chain_testing.h"

namespace quench::steps {
namespace {

class Refine : public ChainTest {
 protected:
  graph::Graph run(const graph::Graph& start, const Chain& given) { return run_steps(start, effective(start, given)); }
  std::string saved(const graph::Graph& graph, const char* name) {
    const std::string file = (folder_ / name).string();
    graph::save_onnx(graph, file);
    return file;
  }
  /// Decibels of the model's output.
  double output_db(const graph::Graph& made) {
    const auto images = quant::load_images(made, data_, 64, 1, log_, cancel_);
    const graph::Graph twin = quant::float_twin(made, model_.graph);
    return quant::layer_errors(made, twin, images.batches, cancel_).back().sqnr_db;
  }

  static methods::ChainStep quantize(Json more = Json::object()) {
    Json settings{{"bits_w", 3}, {"calibration_images", 64}};
    settings.update(more);
    return {"quantize", settings};
  }
  static methods::ChainStep adaround() {
    return {"adaround", {{"iterations", 200}, {"batch", 128}, {"calibration_images", 64}}};
  }
  static methods::ChainStep correct_bias(const char* correction = "empirical") {
    return {"correct_bias", {{"correction", correction}, {"calibration_images", 64}}};
  }
};

TEST_F(Refine, EachStepOfAChainBringsTheOutputNearer) {
  const double nearest = output_db(run(model_.graph, {quantize()}));
  const double corrected = output_db(run(model_.graph, {quantize(), correct_bias()}));
  const graph::Graph learned = run(model_.graph, {quantize({{"weight_scales", "mse"}}), adaround()});
  const graph::Graph both = run(model_.graph, {quantize({{"weight_scales", "mse"}}), adaround(), correct_bias()});
  EXPECT_GT(corrected, nearest);
  EXPECT_GT(output_db(learned), nearest + 2);
  EXPECT_GT(output_db(both), output_db(learned) - 1);
  EXPECT_EQ(both.metadata.at("bias_correction"), "empirical");
  EXPECT_EQ(parse_json(both.metadata.at("adaround"), "t")["iterations"], 200);
  EXPECT_TRUE(kind_of(both).integers);
  for (const auto& [name, weight] : learned.weights) {
    if (weight.value.dtype() == DType::i8) {
      EXPECT_EQ(weight.value, both.weights.at(name).value) << name;
    }
  }
}

TEST_F(Refine, AsCommandsTheyTakeAConvertedModelAndItsFloatOne) {
  const graph::Graph in_chain = run(model_.graph, {quantize(), adaround(), correct_bias()});
  const std::string reference = saved(model_.graph, "float.onnx");
  const auto with_reference = [&](methods::ChainStep step) {
    step.settings["reference"] = reference;
    return step;
  };
  const graph::Graph integers = run(model_.graph, {quantize()});
  const graph::Graph rounded = run(integers, {with_reference(adaround())});
  const graph::Graph corrected = run(rounded, {with_reference(correct_bias())});
  // Not to the last weight: a converted model's biases have been rounded to int32 already.
  double other = 0, all = 0;
  for (const auto& [name, weight] : in_chain.weights) {
    if (weight.value.dtype() != DType::i8) continue;
    const auto p = weight.value.values<int8_t>(), q = corrected.weights.at(name).value.values<int8_t>();
    for (size_t i = 0; i < p.size(); ++i) {
      EXPECT_LE(std::abs(p[i] - q[i]), 1) << name;
      other += p[i] != q[i];
    }
    all += static_cast<double>(p.size());
  }
  EXPECT_LT(other / all, 0.03);
  EXPECT_NE(error_of([&] { run(integers, {adaround()}); }).second.find("'reference'"), std::string::npos);
  auto missing = adaround();
  missing.settings["reference"] = "no-such.onnx";
  EXPECT_EQ(error_of([&] { run(integers, {missing}); }).first, ErrorKind::config);
}

TEST_F(Refine, AnalyticNeedsNoDataButBatchNorms) {
  const methods::StepInfo& info = registry_.table().require("correct_bias", "t");
  EXPECT_EQ(info.reads({{"correction", "analytic"}}), methods::Needs::nothing);
  EXPECT_EQ(info.reads({{"correction", "empirical"}}), methods::Needs::calibration_images);
  const graph::Graph made = run(model_.graph, {quantize(), correct_bias("analytic")});
  EXPECT_EQ(made.metadata.at("bias_correction"), "analytic");
  const graph::Graph folded = graph::fold_batch_norms(model_.graph);
  EXPECT_NE(error_of([&] {
              run(folded, {quantize(), correct_bias("analytic")});
            }).second.find("batch norms"),
            std::string::npos);
}

TEST_F(Refine, FineTuningGoesOnFromTheRoundingThatWasChosen) {
  const Chain chain{quantize({{"bits_w", 4}}), adaround()};
  const graph::Graph integers = run(model_.graph, chain);
  Chain none = chain, some = chain;
  none.push_back({"finetune", {{"epochs", 0}}});
  some.push_back({"finetune", {{"epochs", 1}, {"batch", 32}, {"lr", 0.001}, {"threads", 1}}});
  const graph::Graph untrained = run(model_.graph, none), trained = run(model_.graph, some);
  for (const auto& [name, weight] : integers.weights) {
    if (weight.value.dtype() != DType::i8) continue;
    EXPECT_EQ(weight.value, untrained.weights.at(name).value) << name;
    EXPECT_EQ(weight.quant->scale, trained.weights.at(name).quant->scale) << name << ": scales are fixed";
  }
}

/// Weights are levels of the layer, and what was 0 is 0.
void expect_levels(const graph::Graph& made, const graph::Graph& sparse, int layers) {
  const graph::Graph folded = graph::fold_batch_norms(sparse);
  int found = 0;
  for (const auto& [name, weight] : made.weights) {
    if (weight.value.dtype() != DType::i8) continue;
    ++found;
    const auto before = folded.weights.at(name).value.values<float>();
    const auto now = weight.value.values<int8_t>();
    int64_t zeros = 0;
    for (size_t i = 0; i < now.size(); ++i) {
      ASSERT_TRUE(std::ranges::binary_search(weight.quant->levels, now[i])) << name;
      ASSERT_TRUE(before[i] != 0 || now[i] == 0) << name;
      zeros += before[i] == 0;
    }
    EXPECT_GT(zeros, static_cast<int64_t>(now.size()) / 5) << name;
  }
  EXPECT_EQ(found, layers);
}

TEST_F(Refine, LevelsAndZerosStayThroughWholeChains) {
  const methods::ChainStep sparsify{"sparsify", {{"pattern", "unstructured"}, {"sparsity", 0.5}}};
  const methods::ChainStep finetune{"finetune", {{"epochs", 1}, {"batch", 32}, {"lr", 0.01}, {"threads", 1}}};
  const graph::Graph sparse = run(model_.graph, {sparsify});
  for (const auto& [levels, bits] : {std::pair{"kmeans", 2}, {"pot", 4}}) {
    const Json settings{{"bits_w", bits}, {"levels", levels}, {"weight_scales", "mse"}};
    const graph::Graph plain = run(sparse, {quantize(settings)});
    const int layers = static_cast<int>(std::ranges::count_if(
        plain.weights, [](const auto& entry) { return entry.second.value.dtype() == DType::i8; }));
    expect_levels(plain, sparse, layers);
    const graph::Graph refined = run(sparse, {quantize(settings), adaround(), correct_bias()});
    expect_levels(refined, sparse, layers);
    // Of 2 bits, half of them zeros, little is left to refine.
    EXPECT_GT(output_db(refined), output_db(plain) + (bits == 4 ? 0 : -1));
    const graph::Graph trained = run(sparse, {quantize(settings), finetune});
    expect_levels(trained, sparse, layers);
    for (const auto& [name, weight] : plain.weights) {
      if (!weight.quant || weight.quant->dtype != DType::i8) continue;
      EXPECT_EQ(trained.weights.at(name).quant->levels, weight.quant->levels) << name;
      EXPECT_EQ(refined.weights.at(name).quant->levels, weight.quant->levels) << name;
    }
  }
}

/// Factors are those of `start`, and what was 0 is 0.
void expect_groups(const graph::Graph& made, const graph::Graph& start, const graph::Graph& sparse) {
  const graph::Graph folded = graph::fold_batch_norms(sparse);
  int layers = 0;
  for (const auto& [name, weight] : made.weights) {
    if (weight.value.dtype() != DType::i8) continue;
    layers += weight.quant->group_size > 0;
    ASSERT_EQ(weight.quant->group_factors, start.weights.at(name).quant->group_factors) << name;
    const auto before = folded.weights.at(name).value.values<float>();
    const auto now = weight.value.values<int8_t>();
    for (size_t i = 0; i < now.size(); ++i) ASSERT_TRUE(before[i] != 0 || now[i] == 0) << name;
  }
  EXPECT_GE(layers, 3);
}

TEST_F(Refine, GroupsAndZerosStayThroughWholeChains) {
  const methods::ChainStep sparsify{"sparsify", {{"pattern", "unstructured"}, {"sparsity", 0.5}}};
  const graph::Graph sparse = run(model_.graph, {sparsify});
  const Json settings{{"bits_w", 4}, {"group_size", 4}, {"weight_scales", "mse"}};
  const graph::Graph plain = run(sparse, {quantize(settings)});
  const graph::Graph refined = run(sparse, {quantize(settings), adaround(), correct_bias()});
  expect_groups(refined, plain, sparse);
  EXPECT_GT(output_db(run(model_.graph, {quantize(settings), adaround()})),
            output_db(run(model_.graph, {quantize(settings)})));
  methods::ChainStep by_block = adaround();
  by_block.settings["unit"] = "block";
  expect_groups(run(sparse, {quantize(settings), by_block}), plain, sparse);
  const Json training{{"epochs", 1}, {"batch", 32}, {"lr", 0.01}, {"threads", 1}};
  for (const Json& more : {Json::object(), Json{{"weight_ranges", "learned"}, {"estimator", "ewgs"}},
                           Json{{"weight_ranges", "follow"}, {"damping", 0.1}}, Json{{"freeze_threshold", 0.02}}}) {
    Json own = training;
    own.update(more);
    expect_groups(run(sparse, {quantize(settings), {"finetune", own}}), plain, sparse);
  }
}

TEST_F(Refine, GroupsAreRefusedBeforeWorkBegins) {
  const auto said = [&](const Chain& chain) { return error_of([&] { effective(model_.graph, chain); }).second; };
  EXPECT_NE(said({quantize({{"bits_w", 8}, {"group_size", 16}})}).find("from 2 to 5"), std::string::npos);
  EXPECT_NE(said({{"assign_bits", {{"max_loss", 0.1}, {"group_size", 16}}}}).find("group_size"), std::string::npos);
  const Chain bent{quantize({{"bits_w", 3}, {"group_size", 8}}), {"finetune", {{"weight_quantizer", "dorefa"}}}};
  EXPECT_NE(error_of([&] { run(model_.graph, bent); }).second.find("got groups"), std::string::npos);
}

TEST_F(Refine, LevelsAreRefusedBeforeWorkBegins) {
  const auto said = [&](const Chain& chain) { return error_of([&] { effective(model_.graph, chain); }).second; };
  EXPECT_NE(said({quantize({{"bits_w", 8}, {"levels", "pot"}})}).find("from 3 to 4"), std::string::npos);
  EXPECT_NE(said({{"assign_bits", {{"max_loss", 0.1}, {"levels", "pot"}}}}).find("levels"), std::string::npos);
  const Chain damped{quantize({{"levels", "pot"}}), {"finetune", {{"damping", 0.1}}}};
  EXPECT_NE(error_of([&] { run(model_.graph, damped); }).second.find("uniform levels of weights for 'damping'"),
            std::string::npos);
}

TEST_F(Refine, WhatCannotBeIsRefused) {
  EXPECT_NE(error_of([&] { run(model_.graph, {adaround()}); }).second.find("quantize comes first"), std::string::npos);
  EXPECT_NE(error_of([&] { run(model_.graph, {correct_bias()}); }).second.find("quantized model"), std::string::npos);
  EXPECT_NE(error_of([&] {
              run(model_.graph, {quantize(), {"equalize", Json::object()}});
            }).second.find("float model"),
            std::string::npos);
  const graph::Graph made = run(model_.graph, {{"equalize", Json::object()}, quantize(), correct_bias()});
  EXPECT_EQ(made.metadata.at("equalized"), "0") << "silu parts all pairs here";
}

}  // namespace
}  // namespace quench::steps
