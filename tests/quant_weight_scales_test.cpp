// Scales of weights by least squares, held by closed forms, brute force and what max|w| gives.
#include <gtest/gtest.h>

#include <cmath>

#include "core/rng.h"
#include "graph/quantized.h"
#include "quant/weight_scale_search.h"
#include "quant_refine_testing.h"

namespace quench::quant {
namespace {

std::vector<float> normals(size_t count, uint64_t seed) {
  Rng rng(seed, "weights");
  std::vector<float> out(count);
  for (float& w : out) w = static_cast<float>(rng.normal());
  return out;
}

float largest(std::span<const float> values) {
  float most = 0;
  for (const float v : values) most = std::max(most, std::abs(v));
  return most;
}

graph::QuantParams start_of(const std::vector<float>& weights, size_t channels, int bits) {
  graph::QuantParams params{DType::i8, bits, {}, std::vector<int32_t>(channels, 0), 0};
  const size_t each = weights.size() / channels;
  for (size_t c = 0; c < channels; ++c) {
    params.scale.push_back(largest(std::span(weights).subspan(c * each, each)) / static_cast<float>(params.q_max()));
  }
  return params;
}

TEST(WeightScales, TheErrorIsThatOfRounding) {
  const std::vector<float> w{0.4f, -1.3f, 5.0f};
  // scale 1, q_max 3: 0, -1, 3
  EXPECT_NEAR(rounding_error(w, {}, 1, 3), 0.16 + 0.09 + 4, 1e-6);
  EXPECT_NEAR(rounding_error(w, std::vector<double>{2, 0, 1}, 1, 3), 0.32 + 4, 1e-6);
}

TEST(WeightScales, NeverWorseThanTheirStartAndAsGoodAsAFineGrid) {
  for (const int bits : {2, 3, 4, 8}) {
    const std::vector<float> w = normals(4 * 90, static_cast<uint64_t>(bits));
    const graph::QuantParams start = start_of(w, 4, bits);
    const graph::QuantParams found = search_weight_scales(Tensor::from(w, {4, 10, 3, 3}), start, {}, {});
    for (size_t c = 0; c < 4; ++c) {
      const auto own = std::span(w).subspan(c * 90, 90);
      const auto error = [&](double scale) {
        return rounding_error(own, {}, static_cast<float>(scale), start.q_max());
      };
      const double got = error(found.scale[c]);
      EXPECT_LE(got, error(start.scale[c]));
      double best = got;
      for (int i = 1; i <= 20000; ++i) best = std::min(best, error(start.scale[c] * i / 20000.0));
      EXPECT_LE(got, 1.05 * best) << bits << " bits";  // the grid's step is 200 times ours
    }
  }
}

TEST(WeightScales, OneBitOfSizeHasAClosedForm) {
  // 2 bits are -1, 0, 1. Values of one size and half of it: with s of the size the half rounds to 0 (half to even).
  const std::vector<float> w{1, -1, 1, -1, 0.1f, -0.1f, 0.1f, -0.1f};
  const graph::QuantParams found = search_weight_scales(Tensor::from(w, {1, 8, 1, 1}), start_of(w, 1, 2), {}, {});
  EXPECT_FLOAT_EQ(found.scale[0], 1);  // already the best: s = sum wq / sum q^2
  const std::vector<float> tail{1, 0.6f, 0.6f, 0.6f, 0.6f};
  const graph::QuantParams cut = search_weight_scales(Tensor::from(tail, {1, 5, 1, 1}), start_of(tail, 1, 2), {}, {});
  EXPECT_FLOAT_EQ(cut.scale[0], (1 + 4 * 0.6f) / 5);  // all are 1: their mean
}

TEST(WeightScales, ImportanceIsOfInputChannels) {
  // The second input alone counts: its weights lie on a grid that the first's would not choose.
  const std::vector<float> w{7, 5, -6, 3, 0.31f, 0.62f, -0.93f, 0.31f};
  const graph::QuantParams start = start_of(w, 1, 4);
  const double importance[] = {0, 1};
  const graph::QuantParams found = search_weight_scales(Tensor::from(w, {1, 2, 2, 2}), start, importance, {});
  const auto second = std::span(w).subspan(4);
  EXPECT_LT(rounding_error(second, {}, found.scale[0], 7), 0.1 * rounding_error(second, {}, start.scale[0], 7));
  // Groups: the weights of group 1 see input 1 alone.
  const double unequal[] = {1, 100};
  const std::vector<float> two = normals(2 * 9, 3);
  const auto grouped = search_weight_scales(Tensor::from(two, {2, 1, 3, 3}), start_of(two, 2, 3), unequal, {}, 2);
  const auto plain = search_weight_scales(Tensor::from(two, {2, 1, 3, 3}), start_of(two, 2, 3), {}, {});
  EXPECT_EQ(grouped.scale, plain.scale);  // one channel a filter: a factor changes nothing
}

TEST(WeightScales, ABiasStaysWithinItsInteger) {
  const std::vector<float> w = normals(90, 1);
  const graph::QuantParams start = start_of(w, 1, 3);
  const float least = 0.9f * start.scale[0];
  EXPECT_LT(search_weight_scales(Tensor::from(w, {1, 10, 3, 3}), start, {}, {}).scale[0], least);
  EXPECT_GE(search_weight_scales(Tensor::from(w, {1, 10, 3, 3}), start, {}, std::span(&least, 1)).scale[0], least);
  const std::vector<float> zeros(9, 0.0f);
  graph::QuantParams dead = start;
  dead.scale[0] = 0x1p-20f;
  EXPECT_EQ(search_weight_scales(Tensor::from(zeros, {1, 1, 3, 3}), dead, {}, {}).scale[0], 0x1p-20f);
}

TEST(WeightScales, QuantizeTakesThemAndSaysSo) {
  for (const char* rule : {"mse", "output_mse"}) {
    const graph::Graph made = prepared_graph(branched_graph(), {{"weight_scales", rule}, {"bits_w", 3}});
    const graph::Graph plain = prepared_graph(branched_graph(), {{"bits_w", 3}});
    EXPECT_EQ(made.metadata.at("weight_scales_by"), rule);
    EXPECT_TRUE(graph::has_fixed_weight_scales(made));
    EXPECT_FALSE(graph::has_fixed_weight_scales(plain));
    int other = 0;
    for (const auto& [name, weight] : made.weights) {
      if (!weight.quant) continue;
      for (size_t c = 0; c < weight.quant->scale.size(); ++c) {
        const float before = plain.weights.at(name).quant->scale[c];
        EXPECT_LE(weight.quant->scale[c], before * 1.1f) << name;
        other += weight.quant->scale[c] < before;
      }
    }
    EXPECT_GT(other, 10);
  }
}

}  // namespace
}  // namespace quench::quant
