// The integer program against enumeration.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <optional>

#include "bits/choose.h"
#include "core/rng.h"
#include "error_testing.h"

namespace quench::bits {
namespace {

std::vector<LayerWidths> random_layers(uint64_t seed, size_t count) {
  Rng rng(seed, "choose");
  std::vector<LayerWidths> layers;
  for (size_t i = 0; i < count; ++i) {
    LayerWidths layer{"layer" + std::to_string(i), {}};
    const double size = std::exp(rng.uniform(2, 12)), hurt = std::exp(rng.uniform(-14, 0));
    for (const int bits : {0, 8, 4, 2}) {
      layer.widths.push_back({bits, size * (bits == 0 ? 32 : bits), bits == 0 ? 0 : hurt * std::pow(4.0, -bits)});
    }
    layers.push_back(std::move(layer));
  }
  return layers;
}

/// By trying all.
Assignment best_of_all(const std::vector<LayerWidths>& layers, double budget) {
  std::optional<Assignment> best;
  std::vector<size_t> chosen(layers.size());
  const std::function<void(size_t, double, double)> go = [&](size_t layer, double cost, double harm) {
    if (cost > budget) return;
    if (layer == layers.size()) {
      if (!best || harm < best->harm) best = Assignment{chosen, cost, harm};
      return;
    }
    for (size_t c = 0; c < layers[layer].widths.size(); ++c) {
      chosen[layer] = c;
      go(layer + 1, cost + layers[layer].widths[c].cost, harm + layers[layer].widths[c].harm);
    }
  };
  go(0, 0, 0);
  return best.value();
}

TEST(LeastHarm, IsTheBestOfAllAssignments) {
  for (uint64_t seed = 0; seed < 12; ++seed) {
    const std::vector<LayerWidths> layers = random_layers(seed, 7);
    const double low = least_cost(layers), high = largest_cost(layers);
    for (const double share : {0.03, 0.2, 0.5, 0.8}) {
      const double budget = low + share * (high - low);
      const Assignment found = least_harm(layers, budget), expected = best_of_all(layers, budget);
      EXPECT_LE(found.cost, budget * (1 + 1e-8));
      EXPECT_NEAR(found.harm, expected.harm, 1e-6 * expected.harm + 1e-9 * layers.size()) << seed << " " << share;
    }
  }
}

TEST(LeastHarm, AtTheEndsThereIsOneAnswer) {
  const std::vector<LayerWidths> layers = random_layers(3, 40);
  const Assignment dear = least_harm(layers, largest_cost(layers)), cheap = least_harm(layers, least_cost(layers));
  EXPECT_NEAR(dear.harm, 0, 1e-9);
  for (const size_t chosen : cheap.chosen) EXPECT_EQ(chosen, 3u);
  EXPECT_DOUBLE_EQ(cheap.cost, least_cost(layers));
  const auto said = error_of([&] { least_harm(layers, least_cost(layers) / 2); });
  EXPECT_EQ(said.first, ErrorKind::config);
  EXPECT_NE(said.second.find("the least is"), std::string::npos);
}

TEST(Pareto, HarmFallsWhereCostRises) {
  const std::vector<Assignment> list = pareto(random_layers(5, 60), 16);
  ASSERT_GE(list.size(), 8u);
  EXPECT_LE(list.size(), 16u);
  for (size_t i = 1; i < list.size(); ++i) {
    EXPECT_GT(list[i].cost, list[i - 1].cost);
    EXPECT_LT(list[i].harm, list[i - 1].harm);
  }
  EXPECT_DOUBLE_EQ(list.front().cost, least_cost(random_layers(5, 60)));
  EXPECT_NEAR(list.back().harm, 0, 1e-9);
}

TEST(Pareto, OfOneWidthIsOneAssignment) {
  const std::vector<LayerWidths> layers{{"a", {{8, 10, 0.5}}}, {"b", {{8, 20, 0.25}}}};
  const std::vector<Assignment> list = pareto(layers, 5);
  ASSERT_EQ(list.size(), 1u);
  EXPECT_EQ(list[0], (Assignment{{0, 0}, 30, 0.75}));
}

}  // namespace
}  // namespace quench::bits
