#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"
#include "graph/verify.h"
#include "nn/weight_scales.h"
#include "quant/integers.h"
#include "quant/observer.h"
#include "quant/quantize.h"
#include "quant_testing.h"

namespace quench::quant {
namespace {

using graph::QuantParams;

// A prepared graph without calibration: every placed edge gets one range.
graph::Graph hand_prepared(int axis = 0, int bits = 8) {
  Placement placement = place(branched_graph(), {});
  for (const auto& [edge, params] : placement.fixed) placement.graph.edge(edge).quant = params;
  for (const auto& group : placement.groups) {
    for (const graph::EdgeId edge : group) placement.graph.edge(edge).quant = params_for({-1, 3}, 8, false);
  }
  for (const std::string& name : placement.weights) {
    graph::Weight& weight = placement.graph.weights.at(name + ".weight");
    weight.quant = nn::max_abs_params(weight.value, nullptr, 1, bits, axis);
  }
  return placement.graph;
}

TEST(WeightParams, CoverEachChannel) {
  const Tensor weight = Tensor::from(std::vector<float>{1, -2, 0.5f, 127, 0, 0}, {3, 2});
  const QuantParams channel = nn::max_abs_params(weight, nullptr, 1, 8, 0);
  EXPECT_EQ(channel.dtype, DType::i8);
  EXPECT_EQ(channel.axis, 0);
  EXPECT_FLOAT_EQ(channel.scale[0], 2.0f / 127);
  EXPECT_FLOAT_EQ(channel.scale[1], 1);
  EXPECT_EQ(channel.scale[2], 0x1p-20f);  // dead
  EXPECT_EQ(channel.zero_point, (std::vector<int32_t>{0, 0, 0}));
  const QuantParams tensor = nn::max_abs_params(weight, nullptr, 1, 8, -1);
  EXPECT_EQ(tensor.scale, std::vector<float>{1});
  EXPECT_FLOAT_EQ(nn::max_abs_params(weight, nullptr, 1, 4, -1).scale[0], 127.0f / 7);
}

TEST(WeightParams, LeaveRoomForTheBias) {
  // A channel that pruning or weight decay brought to almost nothing, with a bias that did not go.
  const Tensor weight = Tensor::from(std::vector<float>{1e-30f, 0.5f}, {2, 1});
  const Tensor bias = Tensor::from(std::vector<float>{3.0f, 3.0f}, {2});
  const float input_scale = 0.01f;
  const QuantParams params = nn::max_abs_params(weight, &bias, input_scale, 8, 0);
  EXPECT_FLOAT_EQ(params.scale[1], 0.5f / 127);
  const Tensor q = quantize_tensor(bias, bias_params(params, input_scale, 2), "test");
  for (int i = 0; i < 2; ++i) {
    EXPECT_LE(std::abs(q.values<int32_t>()[i]), 1 << 30);
    EXPECT_NEAR(q.values<int32_t>()[i] * static_cast<double>(input_scale) * params.scale[i], 3.0, 1e-4);
  }
}

TEST(QuantizeTensor, RoundsHalfToEvenAndClamps) {
  const QuantParams params{DType::i8, 8, {0.5f}, {0}, -1};
  const Tensor q =
      quantize_tensor(Tensor::from(std::vector<float>{0.25f, 0.75f, -0.25f, 1000, -1000, 0.3f}, {6}), params, "t");
  const auto values = q.values<int8_t>();
  EXPECT_EQ(std::vector<int>(values.begin(), values.end()), (std::vector<int>{0, 2, 0, 127, -127, 1}));
}

TEST(QuantizeTensor, RejectsWhatDoesNotFit) {
  const QuantParams params{DType::i32, 32, {1e-9f}, {0}, -1};
  EXPECT_THROW(quantize_tensor(Tensor::from(std::vector<float>{3.0f}, {1}), params, "t"), Error);
  EXPECT_THROW(quantize_tensor(Tensor::from(std::vector<float>{std::nanf("")}, {1}), params, "t"), Error);
}

TEST(Convert, WeightsComeBackWithinHalfAStep) {
  for (const int axis : {0, -1}) {
    for (const int bits : {8, 7, 4}) {
      const graph::Graph prepared = hand_prepared(axis, bits);
      const graph::Graph converted = convert(prepared);
      for (const auto& [name, weight] : prepared.weights) {
        const graph::Weight& q = converted.weights.at(name);
        ASSERT_TRUE(q.quant) << name;
        const bool is_bias = name.ends_with(".bias");
        EXPECT_EQ(q.value.dtype(), is_bias ? DType::i32 : DType::i8);
        const auto values = weight.value.values<float>();
        const size_t size = values.size() / q.quant->scale.size();
        for (size_t i = 0; i < values.size(); ++i) {
          const double scale = q.quant->scale[i / size];
          const double integer = is_bias ? q.value.values<int32_t>()[i] : q.value.values<int8_t>()[i];
          EXPECT_NEAR(integer * scale, values[i], 0.5001 * scale) << name;
          EXPECT_LE(std::abs(integer), static_cast<double>(q.quant->q_max()));
        }
      }
    }
  }
}

TEST(Convert, BiasScaleIsInputTimesWeight) {
  const graph::Graph converted = convert(hand_prepared());
  for (const char* name : {"conv1", "conv3", "fc"}) {
    const graph::Node& node = node_named(converted, name);
    const float input_scale = converted.edge(node.inputs[0]).quant->scale[0];
    const QuantParams& weight = *converted.weight(node, "weight")->quant;
    const QuantParams& bias = *converted.weight(node, "bias")->quant;
    ASSERT_EQ(bias.scale.size(), weight.scale.size());
    for (size_t i = 0; i < bias.scale.size(); ++i) EXPECT_EQ(bias.scale[i], input_scale * weight.scale[i]);
  }
}

TEST(Convert, TwiceIsOnce) {
  const graph::Graph once = convert(hand_prepared());
  EXPECT_TRUE(convert(once) == once);
}

TEST(Convert, ScalesAreThoseOfTheGraph) {
  graph::Graph prepared = hand_prepared();
  graph::Weight& by_hand = prepared.weights.at("conv1.weight");
  for (size_t c = 0; c < by_hand.quant->scale.size(); ++c) by_hand.quant->scale[c] *= c % 2 == 0 ? 0.4f : 1.7f;
  for (const graph::Graph& converted : {convert(prepared), convert(convert(prepared))}) {
    const graph::Weight& q = converted.weights.at("conv1.weight");
    EXPECT_EQ(*q.quant, *by_hand.quant);
    const auto values = by_hand.value.values<float>();
    const size_t size = values.size() / by_hand.quant->scale.size();
    int clamped = 0;
    for (size_t i = 0; i < values.size(); ++i) {
      const double wanted = std::nearbyint(values[i] / by_hand.quant->scale[i / size]);
      clamped += std::abs(wanted) > 127;
      EXPECT_EQ(q.value.values<int8_t>()[i], std::clamp(wanted, -127.0, 127.0));
    }
    EXPECT_GT(clamped, 0);
    const QuantParams& bias = *converted.weights.at("conv1.bias").quant;
    EXPECT_EQ(bias.scale[0], prepared.edge(prepared.inputs[0]).quant->scale[0] * by_hand.quant->scale[0]);
  }
}

TEST(Convert, ABiasThatScalesLeaveNoRoomForIsAnError) {
  graph::Graph prepared = hand_prepared();
  prepared.weights.at("conv2.weight").quant->scale[3] = 1e-12f;
  try {
    convert(prepared);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::data);
    EXPECT_NE(std::string(error.what()).find("conv2.bias"), std::string::npos) << error.what();
  }
}

TEST(Convert, DeadChannelsAndBrokenWeights) {
  graph::Graph prepared = hand_prepared();
  auto weights = prepared.weights.at("conv2.weight").value.mutable_values<float>();
  for (size_t i = 0; i < weights.size() / 8; ++i) weights[i] = 0;
  const graph::Graph converted = convert(prepared);  // verified inside
  EXPECT_TRUE(std::isnormal(converted.weights.at("conv2.weight").quant->scale[0]));
  weights = prepared.weights.at("conv2.weight").value.mutable_values<float>();
  weights[5] = std::numeric_limits<float>::quiet_NaN();
  try {
    convert(prepared);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::data);
    EXPECT_NE(std::string(error.what()).find("conv2.weight"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace quench::quant
