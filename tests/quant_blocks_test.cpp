// Blocks: which parts of a Graph they are, joint rounding beside all roundings of a small one, and the step on graphs.
#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>
#include <limits>

#include "config/refine_options.h"
#include "error_testing.h"
#include "graph/links.h"
#include "nn/graph_module.h"
#include "quant/adaround.h"
#include "quant/block_rounding.h"
#include "quant/blocks.h"
#include "quant/float_twin.h"
#include "quant/layer_errors.h"
#include "quant/output_gradients.h"
#include "quant_refine_testing.h"

namespace quench::quant {
namespace {

using torch::Tensor;

/// Two layers with SiLU between, named as parts of one module; 3 and 5 weights. The first reads the image.
graph::Graph two_layers(uint64_t seed) {
  GraphSketch s(4, seed);
  const auto a = s.conv("m.cv1", s.image(), 3, 1, 1, graph::Activation::silu);
  return s.done({s.conv("m.cv2", a, 1, 5, 1)});
}

Json block_settings(std::initializer_list<std::pair<const char*, Json>> changes = {}) {
  Json settings = config::adaround_options().defaults();
  settings["iterations"] = 300;
  settings["block_images"] = 16;
  settings["unit"] = "block";
  for (const auto& [key, value] : changes) settings[key] = value;
  return settings;
}

/// What learn_block learns from, of a model whose one block is all of it.
BlockSamples samples_of(const graph::Graph& quantized, const graph::Graph& twin, const Block& block, int64_t images) {
  const torch::NoGradGuard no_gradient;
  Tensor pixels;
  for (const quench::Tensor& batch : noise_batches(images, 4)) {
    const Tensor one = nn::to_torch(batch).permute({0, 3, 1, 2}).to(torch::kFloat).div_(255);
    pixels = pixels.defined() ? torch::cat({pixels, one}) : one;
  }
  nn::GraphModule module(twin);
  EXPECT_EQ(block.entry, quantized.inputs[0]);
  return {pixels, pixels, module.forward(pixels, {block.exit}).back()};
}

TEST(Blocks, AreWhatHasOneWayInAndOneWayOut) {
  const graph::Graph branched = prepared_graph(branched_graph());
  const auto whole = blocks_of(branched);  // no module names: all of it, from the image to the scores
  ASSERT_EQ(whole.size(), 1u);
  EXPECT_EQ(whole[0].layers.size(), 5u);
  EXPECT_EQ(whole[0].exit, branched.outputs[0]);
  EXPECT_TRUE(blocks_of(branched, 4).empty()) << "too many layers for one, and no names to part them by";

  GraphSketch s;  // a module with a residual, one with two ways out, one with two ways in
  const auto a = s.conv("a", s.image(), 3, 8);
  const auto b1 = s.conv("b.cv1", a, 8, 8, 3, graph::Activation::silu);
  const auto b2 = s.conv("b.cv2", b1, 8, 8, 3, graph::Activation::silu);
  const auto b = s.op("b.add", graph::Op::add, {a, b2});
  const auto c1 = s.conv("c.m.0", b, 8, 8);
  const auto c2 = s.conv("c.m.1", c1, 8, 8);
  const auto c3 = s.conv("c.cv3", c2, 8, 8);
  const auto d1 = s.conv("d.cv1", c3, 8, 8);
  const auto d2 = s.op("d.add", graph::Op::add, {d1, c2});
  const auto d3 = s.conv("d.cv2", d2, 8, 8);
  const graph::Graph graph = prepared_graph(s.done({d3}), {{"quantize_head", true}});
  const auto blocks = blocks_of(graph, 3);
  ASSERT_EQ(blocks.size(), 2u);
  const auto names = [&](const Block& block) {
    std::string out;
    for (const size_t i : block.layers) out += graph.nodes[i].name + " ";
    return out;
  };
  EXPECT_EQ(names(blocks[0]), "b.cv1 b.cv2 ");
  EXPECT_EQ(names(blocks[1]), "c.m.0 c.m.1 ") << "all of c has two ways out, d has two ways in";
  const graph::Links links(graph);
  for (const Block& block : blocks) {
    EXPECT_EQ(graph.nodes[block.first].inputs[0], block.entry);
    EXPECT_GE(links.producer[static_cast<size_t>(block.exit)], static_cast<int>(block.first));
    EXPECT_LE(links.producer[static_cast<size_t>(block.exit)], static_cast<int>(block.last));
  }
}

std::vector<Tensor> steps_of(const graph::Graph& graph, const Block& block) {
  std::vector<Tensor> out;
  for (const size_t i : block.layers) {
    const graph::Weight& weight = graph.required_weight(graph.nodes[i], "weight");
    out.push_back(nn::to_torch(weight.value).div(weight.quant->scale[0]).round_());
  }
  return out;
}

/// A small model, quantized with one scale a layer, so that 8 weights have 256 roundings.
struct Small {
  graph::Graph model, quantized, twin;
  Block block;
  BlockSamples samples;

  explicit Small(uint64_t seed) : model(two_layers(seed)) {
    quantized = prepared_graph(model, {{"bits_w", 3}, {"weights", "per_tensor"}, {"quantize_head", true}});
    twin = float_twin(quantized, model);
    block = blocks_of(quantized).at(0);
    samples = samples_of(quantized, twin, block, 16);
  }
  double error(const std::vector<Tensor>& steps) const { return block_error(quantized, block, samples, steps); }
};

TEST(BlockRounding, ErrorIsThatOfTheSimulatedModel) {
  const Small small(3);
  graph::Graph rounded = small.quantized;  // its output not rounded, as the error is before that
  rounded.edge(small.block.exit).quant.reset();
  nn::GraphModule module(rounded);
  const torch::NoGradGuard no_gradient;
  const Tensor y = module.forward(small.samples.x).at(0);
  const double expected = (y - small.samples.target).square().sum(1).mean().item<double>();
  EXPECT_NEAR(small.error(nearest_steps(small.quantized, small.block)), expected, 0.02 * expected);
}

TEST(BlockRounding, BesideAllRoundingsOfTwoLayersItIsNearTheBestAndNotBehindLayerByLayer) {
  double best_sum = 0, joint_sum = 0, alone_sum = 0, nearest_sum = 0;
  for (uint64_t seed = 0; seed < 12; ++seed) {
    const Small small(seed);
    std::vector<Tensor> floors;
    for (const size_t i : small.block.layers) {
      const graph::Weight& weight = small.quantized.required_weight(small.quantized.nodes[i], "weight");
      floors.push_back(nn::to_torch(weight.value).div(weight.quant->scale[0]).floor_());
    }
    ASSERT_EQ(floors[0].numel() + floors[1].numel(), 8);
    double best = 1e30;
    for (int choice = 0; choice < 256; ++choice) {
      std::vector<Tensor> steps;
      int bit = 0;
      for (const Tensor& floor : floors) {
        Tensor one = floor.clone();
        for (int64_t k = 0; k < one.numel(); ++k) one.view({-1})[k] += (choice >> bit++) & 1;
        steps.push_back(one.clamp_(-3, 3));
      }
      best = std::min(best, small.error(steps));
    }
    RoundingSettings settings;
    settings.iterations = 600;
    settings.batch = 16;
    const RoundedBlock joint = learn_block(small.quantized, small.block, small.samples, settings, 0, CancelToken{});
    EXPECT_NEAR(joint.error, small.error(joint.steps), 1e-6 * joint.error);
    EXPECT_LE(joint.error, joint.nearest_error);
    EXPECT_GE(joint.error, best * (1 - 1e-6)) << "nothing is better than the best";
    const Adarounded alone = adaround(small.quantized, small.twin, noise_batches(16, 4),
                                      block_settings({{"unit", "layer"}, {"iterations", 600}}), {}, CancelToken{});
    best_sum += best;
    joint_sum += joint.error;
    alone_sum += small.error(steps_of(alone.graph, small.block));
    nearest_sum += joint.nearest_error;
  }
  EXPECT_LE(joint_sum, 1.05 * alone_sum) << "of 8 weights both find nearly the best";
  EXPECT_LT(joint_sum, 1.15 * best_sum);
  EXPECT_GT(nearest_sum, 1.15 * best_sum) << "nearest would not do";
}

/// Scores of 4 classes behind a block whose exit is one place of 3 channels.
graph::Graph scored(uint64_t seed) {
  GraphSketch s(1, seed);
  const auto a = s.conv("m.cv1", s.image(), 3, 5, 1, graph::Activation::silu);
  const auto b = s.conv("m.cv2", a, 5, 3, 1);
  const auto c = s.op("act", graph::Op::silu, {b});
  const auto flat = s.op("flat", graph::Op::flatten, {c});
  return s.done({s.linear("scores", flat, 3, 4)});
}

graph::EdgeId edge_named(const graph::Graph& graph, const std::string& name) {
  for (size_t i = 0; i < graph.edges.size(); ++i) {
    if (graph.edges[i].name == name) return static_cast<graph::EdgeId>(i);
  }
  ADD_FAILURE() << name;
  return 0;
}

TEST(Fisher, IsTheInformationOfTheScoresByDifferences) {
  constexpr int64_t kDraws = 4000;
  const graph::Graph model = scored(2);
  const Tensor pixels = torch::tensor({0.2F, 0.9F, 0.5F}).view({1, 3, 1, 1});
  nn::GraphModule module(model);
  const torch::NoGradGuard no_gradient;
  const Tensor p = module.forward(pixels)[0].softmax(1)[0].to(torch::kDouble);
  const Tensor information = p.diag() - p.outer(p);
  // At the scores themselves: p (1 - p). 5 % is 2.5 standard deviations and more of such a mean.
  const Tensor at_scores = squared_gradients(module, model.outputs[0], pixels, 5, 0, kDraws)[0].to(torch::kDouble);
  EXPECT_TRUE(at_scores.allclose(information.diag(), 0.05)) << at_scores << information.diag();
  // Before the silu: by J, from differences of the scores as the bias of a channel moves the one place there is.
  const graph::EdgeId exit = edge_named(model, "m.cv2.out");
  const Tensor found = squared_gradients(module, exit, pixels, 5, 0, kDraws);
  ASSERT_EQ(found.sizes(), (std::vector<int64_t>{1, 3, 1, 1}));
  constexpr float kStep = 1e-2F;
  for (int64_t channel = 0; channel < 3; ++channel) {
    const auto scores = [&](float step) {
      graph::Graph moved = model;
      moved.weights.at("m.cv2.bias").value.mutable_values<float>()[static_cast<size_t>(channel)] += step;
      return nn::GraphModule(moved).forward(pixels)[0][0].to(torch::kDouble);
    };
    const Tensor slope = (scores(kStep) - scores(-kStep)) / (2 * kStep);
    const double expected = slope.dot(information.mv(slope)).item<double>();
    EXPECT_NEAR(found[0][channel].item<double>(), expected, 0.1 * expected) << channel;
  }
}

TEST(Fisher, DrawsAreThoseOfAnImage) {
  const graph::Graph model = scored(4);
  const Tensor pixels = torch::linspace(0, 1, 36).view({12, 3, 1, 1});
  nn::GraphModule module(model);
  const graph::EdgeId exit = edge_named(model, "m.cv2.out");
  const Tensor found = squared_gradients(module, exit, pixels, 5, 100);
  const Tensor later = squared_gradients(module, exit, pixels.narrow(0, 4, 8), 5, 104);
  EXPECT_TRUE(later.allclose(found.narrow(0, 4, 8), 1e-4, 1e-9));
  EXPECT_FALSE(squared_gradients(module, exit, pixels, 6, 100).allclose(found));
  EXPECT_FALSE(found.requires_grad());
}

TEST(Fisher, DetectorsAreRefused) {
  const graph::Graph model = two_layers(1);  // an output of places
  nn::GraphModule module(model);
  const auto [kind, message] = error_of([&] {
    squared_gradients(module, model.outputs[0], torch::rand({2, 3, 4, 4}), 0, 0);
  });
  EXPECT_EQ(kind, ErrorKind::unsupported);
  EXPECT_NE(message.find("weigh: fisher"), std::string::npos) << message;
}

TEST(BlockRounding, WeightsOfErrorsAreLearnedFor) {
  Small small(7);
  RoundingSettings settings;
  settings.iterations = 400;
  settings.batch = 16;
  const auto learn = [&] {
    return learn_block(small.quantized, small.block, small.samples, settings, 0, CancelToken{});
  };
  const auto nearest = nearest_steps(small.quantized, small.block);
  const RoundedBlock plain = learn();
  const double alone = small.error(nearest);
  small.samples.weight = torch::ones_like(small.samples.target);
  const RoundedBlock ones = learn();
  for (size_t k = 0; k < 2; ++k) EXPECT_TRUE(ones.steps[k].equal(plain.steps[k]));
  EXPECT_DOUBLE_EQ(small.error(nearest), alone);
  // Nothing but channel 2 counts: the error is that channel's, and what is learned is better there.
  small.samples.weight.zero_().select(1, 2).fill_(2);
  const RoundedBlock one = learn();
  const double found = small.error(one.steps), before = small.error(plain.steps);
  EXPECT_NEAR(one.error, found, 1e-6 * found);
  EXPECT_LE(found, before);
  EXPECT_LT(found, small.error(nearest));
}

TEST(BlockRounding, WeighingIsASettingOfTheStep) {
  const graph::Graph quantized = prepared_graph(branched_graph(), {{"bits_w", 3}});
  const graph::Graph twin = float_twin(quantized, branched_graph());
  ASSERT_EQ(twin.edge(twin.outputs[0]).shape.size(), 2u);
  const auto made = [&](std::initializer_list<std::pair<const char*, Json>> changes) {
    return adaround(quantized, twin, noise_batches(32), block_settings(changes), {}, CancelToken{});
  };
  const Adarounded plain = made({{"lr", 0.03}, {"iterations", 150}});
  EXPECT_TRUE(plain.graph == made({{"lr", 0.03}, {"iterations", 150}, {"weigh", "none"}}).graph);
  const Adarounded weighed = made({{"lr", 0.03}, {"iterations", 150}, {"weigh", "fisher"}});
  EXPECT_FALSE(plain.graph == weighed.graph);
  EXPECT_LT(weighed.error, 1);
}

TEST(BlockRounding, NoDropIsDropZeroAndSeedsRepeat) {
  const Small small(5);
  RoundingSettings settings;
  settings.iterations = 60;
  settings.batch = 8;
  const auto learn = [&](double drop) {
    return learn_block(small.quantized, small.block, small.samples, settings, drop, CancelToken{});
  };
  const RoundedBlock none = learn(0), dropped = learn(0.5), again = learn(0.5);
  BlockSamples without = small.samples;
  without.float_x = Tensor();  // not looked at
  const RoundedBlock plain = learn_block(small.quantized, small.block, without, settings, 0, CancelToken{});
  for (size_t k = 0; k < 2; ++k) {
    EXPECT_TRUE(none.steps[k].equal(plain.steps[k]));
    EXPECT_TRUE(dropped.steps[k].equal(again.steps[k]));
  }
  const graph::Graph quantized = prepared_graph(branched_graph(), {{"bits_w", 3}});
  const graph::Graph twin = float_twin(quantized, branched_graph());
  const auto made = [&](std::initializer_list<std::pair<const char*, Json>> changes) {
    return adaround(quantized, twin, noise_batches(32), block_settings(changes), {}, CancelToken{}).graph;
  };
  const graph::Graph not_dropped = made({{"lr", 0.03}, {"iterations", 150}});
  EXPECT_TRUE(not_dropped == made({{"lr", 0.03}, {"iterations", 150}, {"drop", 0.0}}));
  EXPECT_FALSE(not_dropped == made({{"lr", 0.03}, {"iterations", 150}, {"drop", 0.5}}));
}

TEST(BlockRounding, ZerosStayAndStepsAreNeighbours) {
  graph::Graph model = branched_graph();
  for (const char* name : {"conv2.weight", "conv3.weight"}) {
    const auto values = model.weights.at(name).value.mutable_values<float>();
    for (size_t i = 0; i < values.size(); i += 2) values[i] = 0;
  }
  const graph::Graph quantized = prepared_graph(model, {{"bits_w", 3}});
  const Adarounded made = adaround(quantized, float_twin(quantized, model), noise_batches(32),
                                   block_settings({{"lr", 0.02}, {"drop", 0.5}}), {}, CancelToken{});
  EXPECT_EQ(made.blocks, 1);
  EXPECT_EQ(made.in_blocks, 5);
  EXPECT_GT(made.flipped, 0.005);
  for (const auto& [name, weight] : model.weights) {
    if (!quantized.weights.at(name).quant) continue;
    const auto before = weight.value.values<float>(), after = made.graph.weights.at(name).value.values<float>();
    const auto& scale = quantized.weights.at(name).quant->scale;
    for (size_t i = 0; i < before.size(); ++i) {
      if (before[i] == 0) {
        EXPECT_EQ(after[i], 0) << name;
      }
      EXPECT_LE(std::abs(after[i] - before[i]),
                1.0001F * scale[scale.size() == 1 ? 0 : i / (before.size() / scale.size())]);
    }
  }
}

TEST(BlockRounding, TheOutputIsNearerForAllTargets) {
  for (const char* target : {"native", "onnxruntime", "tensorrt"}) {
    const graph::Graph model = branched_graph();
    const graph::Graph quantized = prepared_graph(model, {{"bits_w", 3}, {"target", target}});
    const graph::Graph twin = float_twin(quantized, model);
    const auto images = noise_batches(48);
    const Adarounded made = adaround(quantized, twin, images, block_settings(), {}, CancelToken{});
    EXPECT_LT(made.error, 0.7) << target;
    const auto before = layer_errors(quantized, twin, images, CancelToken{});
    const auto after = layer_errors(made.graph, twin, images, CancelToken{});
    EXPECT_GT(after.back().sqnr_db, before.back().sqnr_db + 3) << target;
  }
}

TEST(BlockRounding, LevelsAreForLayers) {
  const graph::Graph model = branched_graph();
  const graph::Graph quantized = prepared_graph(model, {{"bits_w", 3}, {"levels", "pot"}});
  const auto rounded = [&](const Json& settings) {
    return adaround(quantized, float_twin(quantized, model), noise_batches(8), settings, {}, CancelToken{});
  };
  const auto [kind, message] = error_of([&] { rounded(block_settings()); });
  EXPECT_EQ(kind, ErrorKind::unsupported);
  EXPECT_NE(message.find("unit: layer"), std::string::npos) << message;
  EXPECT_NO_THROW(rounded(block_settings({{"unit", "layer"}})));
}

TEST(BlockRounding, BadInputIsAnError) {
  for (const char* name : {"drop", "weigh", "block_images"}) {
    const Json settings = block_settings({{"unit", "layer"}, {name, 1}});
    const auto [kind, message] = error_of([&] { config::require_unit(settings, "adaround"); });
    EXPECT_EQ(kind, ErrorKind::config);
    EXPECT_NE(message.find(name), std::string::npos) << message;
  }
  EXPECT_EQ(error_of([&] { config::adaround_options().checked(Json{{"drop", 1.0}}, "x"); }).first, ErrorKind::config);
  EXPECT_EQ(error_of([&] { config::adaround_options().checked(Json{{"unit", "net"}}, "x"); }).first, ErrorKind::config);
  Small small(1);
  small.samples.target = small.samples.target + std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(error_of([&] {
              learn_block(small.quantized, small.block, small.samples, {.iterations = 2}, 0, CancelToken{});
            }).first,
            ErrorKind::data);
  CancelToken cancelled;
  cancelled.cancel();
  EXPECT_EQ(error_of([&] {
              learn_block(Small(1).quantized, Small(1).block, Small(1).samples, {.iterations = 2}, 0, cancelled);
            }).first,
            ErrorKind::cancelled);
}

}  // namespace
}  // namespace quench::quant
