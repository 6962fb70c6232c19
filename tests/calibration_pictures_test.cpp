// What is told of pictures: histograms that add up, copies, flat ones, ones from another world, influence, choices.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

#include "calibration/copies.h"
#include "calibration/interval.h"
#include "calibration/outliers.h"
#include "calibration/pool.h"
#include "calibration_testing.h"
#include "error_testing.h"
#include "quant/compact_histogram.h"
#include "quant/observer.h"

namespace quench::calibration {
namespace {

using Kind = GradientDataset::Kind;

std::vector<float> drawn(size_t count, double scale, uint64_t seed) {
  Rng rng(seed, "calibration-test");
  std::vector<float> out(count);
  for (float& x : out) x = static_cast<float>(scale * rng.normal() * (rng.chance(0.01) ? 20 : 1));
  return out;
}

TEST(CompactHistogram, UnionsAreTheHistogramOfAllValues) {
  for (const double spread : {1.0, 40.0, 1e-4}) {  // scales of the parts differ by as much
    std::vector<quant::CompactHistogram> parts;
    std::vector<float> all;
    for (uint64_t i = 0; i < 7; ++i) {
      const std::vector<float> values = drawn(500 + 300 * i, std::pow(spread, static_cast<double>(i) / 6), i);
      quant::Histogram one;
      one.add(values);
      parts.emplace_back(one);
      EXPECT_LT(parts.back().bytes(), 2600u * 2 + 200);
      all.insert(all.end(), values.begin(), values.end());
    }
    quant::Histogram whole, forwards, backwards;
    whole.add(all);
    for (const auto& part : parts) part.add_to(forwards);
    for (auto part = parts.rbegin(); part != parts.rend(); ++part) part->add_to(backwards);
    for (const quant::Histogram* sum : {&forwards, &backwards}) {
      EXPECT_EQ(sum->counts(), whole.counts());
      EXPECT_EQ(sum->exponent(), whole.exponent());
      EXPECT_EQ(sum->first(), whole.first());
      EXPECT_EQ(sum->total(), whole.total());
      EXPECT_EQ(sum->extent(), whole.extent());
    }
    for (const std::string name : {"minmax", "percentile", "mse", "entropy", "aciq"}) {
      const auto by_values = quant::make_observer(name, 99.9), by_counts = quant::make_observer(name, 99.9);
      by_values->observe(all);
      by_counts->observe(forwards);
      for (const bool symmetric : {false, true}) {
        EXPECT_EQ(by_values->range(8, symmetric), by_counts->range(8, symmetric)) << name;
      }
    }
  }
  expect_error([&] { quant::make_observer("moving_average", 99)->observe(quant::Histogram()); }, ErrorKind::config,
               "order");
}

TEST(CompactHistogram, MomentsAreThoseOfTheValues) {
  const std::vector<float> values = drawn(20000, 3, 1);
  double sum = 0, squares = 0;
  for (const float x : values) {
    sum += x;
    squares += double{x} * x;
  }
  const double mean = sum / 20000;
  quant::Histogram histogram;
  histogram.add(values);
  const auto moments = quant::CompactHistogram(histogram).moments();
  EXPECT_NEAR(moments.mean, mean, histogram.width());
  EXPECT_NEAR(moments.deviation, std::sqrt(squares / 20000 - mean * mean), histogram.width());
}

quant::Placement native_placement(const graph::Graph& graph) {
  quant::PlacementOptions options;
  options.target = quant::Target::native;
  return quant::place(graph, options);
}

std::vector<Picture> pictures_of(const data::Splits& data) {
  const quant::Placement placement = native_placement(quant::branched_graph());
  std::vector<int64_t> all;
  for (int64_t i = 0; i < data.train->size(); ++i) all.push_back(i);
  return look_at_pictures(placement, data, all, {}, CancelToken{});
}

TEST(Pictures, PoisonedOnesAreFound) {
  const data::Splits data = gradient_splits(120, {{5, {Kind::flat}},
                                                  {20, {Kind::copy, 3}},
                                                  {31, {Kind::near_copy, 4}},
                                                  {32, {Kind::noise}},
                                                  {80, {Kind::noise}},
                                                  {90, {Kind::flat}}});
  const std::vector<Picture> pictures = pictures_of(data);
  std::vector<const Look*> looks;
  std::set<size_t> flat;
  for (const Picture& picture : pictures) {
    if (picture.look.deviation < kFlat) flat.insert(looks.size());
    looks.push_back(&picture.look);
  }
  EXPECT_EQ(flat, (std::set<size_t>{5, 90}));
  EXPECT_EQ(copies_among(looks), (std::vector<Copy>{{20, 3, true}, {31, 4, false}, {90, 5, true}}));
  const std::vector<double> strange = strangeness(pictures);
  for (size_t i = 0; i < strange.size(); ++i) {
    const bool noise = i == 32 || i == 80;
    if (noise) {
      EXPECT_GT(strange[i], kStrange) << i;
    } else if (!flat.contains(i)) {
      EXPECT_LT(strange[i], kStrange) << i;
    }
  }
}

TEST(Pictures, InfluenceIsWhatLeavingAPictureOutChanges) {
  const std::vector<Picture> pictures = pictures_of(gradient_splits(40));
  const size_t groups = pictures.front().groups.size();
  std::vector<size_t> chosen;
  for (size_t i = 0; i < pictures.size(); i += 1 + i % 2) chosen.push_back(i);
  const auto range = [&](size_t group, size_t without) {
    quant::Range all;
    for (const size_t i : chosen) {
      const quant::Range one = pictures[i].groups[group].extent();
      if (i != without) all = {std::min(all.low, one.low), std::max(all.high, one.high)};
    }
    return all;
  };
  std::map<size_t, Influence> expected;
  for (const size_t i : chosen) {
    Influence one{i, 0, 0};
    for (size_t g = 0; g < groups; ++g) {
      const quant::Range with = range(g, pictures.size()), without = range(g, i);
      one.ends += (with.low < without.low) + (with.high > without.high);
      one.share +=
          (1 - (double{without.high} - without.low) / (double{with.high} - with.low)) / static_cast<double>(groups);
    }
    if (one.ends > 0) expected[i] = one;
  }
  const std::vector<Influence> found = influences(pictures, chosen);
  ASSERT_EQ(found.size(), expected.size());
  for (const Influence& one : found) {
    EXPECT_EQ(one.ends, expected.at(one.picture).ends);
    EXPECT_NEAR(one.share, expected.at(one.picture).share, 1e-6);
  }
  for (size_t i = 1; i < found.size(); ++i) EXPECT_GE(found[i - 1].share, found[i].share);
  ASSERT_GE(found.size(), 3u);
  const std::vector<size_t> rest = without_most_influential(pictures, chosen, 2);
  EXPECT_EQ(rest.size(), chosen.size() - 2);
  EXPECT_EQ(std::ranges::count(rest, found[0].picture) + std::ranges::count(rest, found[1].picture), 0);
}

TEST(Pictures, BadOnesAreAnError) {
  std::map<int64_t, GradientDataset::Replaced> same;
  for (int64_t i = 1; i < 12; ++i) same[i] = {Kind::copy, 0};
  expect_error([&] { pictures_of(gradient_splits(12, same)); }, ErrorKind::data, "12 copies of training image 0");

  graph::Graph dead = quant::branched_graph(graph::Activation::relu);  // conv2 gives nothing but zeros
  for (const char* name : {"conv2.weight", "conv2.bias"}) {
    for (float& x : dead.weights.at(name).value.mutable_values<float>()) x = 0;
  }
  dead.weights.at("conv4.bias") = dead.weights.at("conv4.bias");
  for (float& x : dead.weights.at("conv3.bias").value.mutable_values<float>()) x = -1e4F;
  const quant::Placement placement = native_placement(dead);
  expect_error(
      [&] {
        look_at_pictures(placement, gradient_splits(12), {0, 1, 2}, {}, CancelToken{});
      },
      ErrorKind::data, "expected activations that vary, got 0 everywhere in all 3 pictures");

  quant::Placement wild = native_placement(quant::branched_graph());
  for (float& x : wild.graph.weights.at("conv1.weight").value.mutable_values<float>()) x *= 1e25F;
  for (float& x : wild.graph.weights.at("conv2.weight").value.mutable_values<float>()) x *= 1e25F;
  expect_error(
      [&] {
        look_at_pictures(wild, gradient_splits(12), {3, 4}, {}, CancelToken{});
      },
      ErrorKind::data, "expected");
}

TEST(Pool, NothingThatIsScoredIsCalibratedOn) {
  const auto large = gradient_splits(2000).train, small = gradient_splits(100).train;
  const Pool pool = make_pool(*large, {7, 3, 200, 300});
  EXPECT_EQ(pool.held_out.size(), 300u);
  for (uint64_t i = 0; i < 3; ++i) {  // large: choices are whole
    EXPECT_EQ(pool.candidates[i], data::calibration_subset(*large, 200, 7 + i).indices);
    EXPECT_EQ(random_choice(*large, 50, 7 + i, pool.held_out), data::calibration_subset(*large, 50, 7 + i).indices);
  }
  const Pool tight = make_pool(*small, {0, 2, 100, 80});
  EXPECT_EQ(tight.held_out.size(), 50u) << "half at most";
  for (const Pool* one : {&pool, &tight}) {
    const std::set<int64_t> held(one->held_out.begin(), one->held_out.end());
    for (const int64_t index : one->looked_at) EXPECT_FALSE(held.contains(index));
    for (const auto& candidates : one->candidates) {
      for (const int64_t index : candidates) EXPECT_TRUE(std::ranges::binary_search(one->looked_at, index));
    }
  }
  expect_error([&] { make_pool(*gradient_splits(3).train, {0, 1, 2, 1}); }, ErrorKind::data, "4 or more");
}

TEST(Interval, IsStudents) {
  const std::vector<double> three{1, 2, 3}, one{5};
  EXPECT_DOUBLE_EQ(interval_of(three).mean, 2);
  EXPECT_NEAR(*interval_of(three).half, 4.302652729911275 / std::sqrt(3.0), 1e-9);  // deviation 1
  EXPECT_EQ(interval_of(one).mean, 5);
  EXPECT_FALSE(interval_of(one).half);
}

}  // namespace
}  // namespace quench::calibration
