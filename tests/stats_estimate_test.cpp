// Intervals and p values in worlds whose truth is known.
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "core/error.h"
#include "core/rng.h"
#include "stats/draws.h"
#include "stats/estimate.h"
#include "stats/holm.h"
#include "stats/share_draws.h"
#include "stats/student.h"

namespace quench::stats {
namespace {

constexpr int64_t kReplicates = 400;

/// A method's verdicts on test images. Each image has a difficulty that all methods share, so that they fail on the
/// same ones; each training moves the method's skill by normal noise of deviation `noise`.
class World {
 public:
  World(uint64_t seed, int images) : rng_(seed, "world") {
    for (int i = 0; i < images; ++i) difficulty_.push_back(rng_.normal());
  }

  /// skill 0 is right on about two images of three. same: how much of an image's outcome its difficulty decides.
  Replicates train(double skill, double noise, double same = 4) {
    skill += noise * rng_.normal();
    std::vector<uint8_t> right;
    for (const double difficulty : difficulty_) {
      right.push_back(rng_.uniform() < 1 / (1 + std::exp(-same * (0.45 + skill - difficulty))));
    }
    return share_replicates(right, kReplicates, 1);
  }

 private:
  Rng rng_;
  std::vector<double> difficulty_;
};

std::vector<Replicates> trainings(World& world, double skill, double noise, int seeds) {
  std::vector<Replicates> result;
  for (int s = 0; s < seeds; ++s) result.push_back(world.train(skill, noise));
  return result;
}

TEST(Estimate, EqualMethodsAreFoundDifferentInFewStudies) {
  // 200 studies of 3 methods against a baseline, 3 seeds each, all equal but for the noise of training.
  int studies = 0, false_findings = 0;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    World world(seed, 400);
    const std::vector<Replicates> base = trainings(world, 0, 0.05, 3);
    std::vector<double> p;
    for (int method = 0; method < 3; ++method) {
      p.push_back(difference(trainings(world, 0, 0.05, 3), base, false).p);
    }
    bool found = false;
    for (const double value : holm(p)) found |= value <= 0.05;
    false_findings += found;
    ++studies;
  }
  EXPECT_LE(false_findings, studies / 20);
}

TEST(Estimate, AGapOfAPointOnTenThousandImagesIsFound) {
  // Two files that err on much the same images, as a model and its quantized form do.
  int found = 0;
  constexpr int kStudies = 40;
  for (uint64_t seed = 0; seed < kStudies; ++seed) {
    Rng rng(seed, "gap");
    std::vector<uint8_t> a, b;
    for (int i = 0; i < 10'000; ++i) {
      const bool right = rng.chance(0.64);
      a.push_back(right);
      // 2.5 % of the images become right, 3.5 % wrong: one point is lost.
      b.push_back(right ? !rng.chance(0.035 / 0.64) : rng.chance(0.025 / 0.36));
    }
    const Replicates first[] = {share_replicates(a, kReplicates, 1)}, second[] = {share_replicates(b, kReplicates, 1)};
    const Estimate gap = difference(first, second, true);
    EXPECT_NEAR(gap.value, 0.01, 0.01);
    found += gap.p <= 0.05 && gap.low > 0;
  }
  EXPECT_GE(found, kStudies * 95 / 100);
}

TEST(Estimate, IntervalsHoldTheTruthAsOftenAsTheySay) {
  // A share of 0.3 on 500 images, one seed: 95 % of 400 intervals, less what chance takes from 400 (2.2 points, twice).
  int held = 0;
  for (uint64_t seed = 0; seed < 400; ++seed) {
    Rng rng(seed, "share");
    std::vector<uint8_t> right;
    for (int i = 0; i < 500; ++i) right.push_back(rng.chance(0.3));
    const Replicates one[] = {share_replicates(right, kReplicates, 1)};
    const Estimate estimate = mean_of(one);
    held += estimate.low <= 0.3 && 0.3 <= estimate.high;
  }
  EXPECT_GE(held, 364);
  EXPECT_LE(held, 396);
}

TEST(Estimate, OneSeedHasThePercentilesOfItsReplicates) {
  Replicates sample{.value = 5, .resampled = {}};
  for (int i = 0; i <= 200; ++i) sample.resampled.push_back(i - 10);  // -10 .. 190, in no need of order
  std::swap(sample.resampled[3], sample.resampled[150]);
  const Estimate estimate = mean_of({&sample, 1});
  EXPECT_EQ(estimate.value, 5);
  EXPECT_DOUBLE_EQ(estimate.low, -5);  // 2.5 % of 200 steps from -10
  EXPECT_DOUBLE_EQ(estimate.high, 185);
  EXPECT_DOUBLE_EQ(estimate.p, 2 * (11 + 1.0) / (201 + 1));  // 11 replicates are at or below 0
  EXPECT_EQ(estimate.deviation, std::nullopt);
}

TEST(Estimate, SeedsAloneGiveStudentsInterval) {
  // Replicates that do not vary: what is left is the t interval of three values.
  std::vector<Replicates> seeds;
  for (const double value : {1.0, 2.0, 4.5}) seeds.push_back({value, std::vector<double>(10, value)});
  const Estimate estimate = mean_of(seeds);
  const double deviation = std::sqrt((2.25 + 0.25 + 4) / 2);  // about the mean 2.5
  EXPECT_DOUBLE_EQ(estimate.value, 2.5);
  EXPECT_DOUBLE_EQ(*estimate.deviation, deviation);
  EXPECT_NEAR(estimate.high - estimate.value, 4.302653 * deviation / std::sqrt(3.0), 1e-5);
  EXPECT_NEAR(estimate.value - estimate.low, 4.302653 * deviation / std::sqrt(3.0), 1e-5);
  EXPECT_EQ(estimate.seeds, 3);
}

TEST(Estimate, PairsTakeAwayWhatSeedsShare) {
  // Each seed moves both methods alike; the gap is always 1.
  std::vector<Replicates> a, b;
  for (const double shift : {0.0, 5.0, -3.0}) {
    a.push_back({shift + 1, std::vector<double>(10, shift + 1)});
    b.push_back({shift, std::vector<double>(10, shift)});
  }
  const Estimate paired = difference(a, b, true), apart = difference(a, b, false);
  EXPECT_DOUBLE_EQ(paired.value, 1);
  EXPECT_DOUBLE_EQ(paired.low, 1);
  EXPECT_EQ(paired.p, 0);
  EXPECT_LT(apart.low, 0);
  EXPECT_GT(apart.p, 0.5);
}

TEST(Estimate, EqualFilesDoNotDiffer) {
  const std::vector<uint8_t> right{1, 0, 1, 1, 0, 1};
  const Replicates one[] = {share_replicates(right, 100, 1)};
  const Estimate gap = difference(one, one, true);
  EXPECT_EQ(gap.value, 0);
  EXPECT_EQ(gap.low, 0);
  EXPECT_EQ(gap.high, 0);
  EXPECT_EQ(gap.p, 1);
}

// The count of replicates beyond 0 ends at some 2 / B; what is adjusted for many comparisons must reach further.
TEST(Estimate, ALargeGapHasASmallP) {
  std::vector<uint8_t> good(2000, 1), bad(2000, 1);
  for (int i = 0; i < 400; ++i) bad[static_cast<size_t>(i)] = 0;  // every fifth image is lost
  Replicates a = share_replicates(bad, kReplicates, 1), b = share_replicates(good, kReplicates, 1);
  EXPECT_LT(difference({&a, 1}, {&b, 1}, true).p, 1e-12);
  EXPECT_LT(mean_of({&a, 1}).p, 1e-12);
  for (int i = 0; i < 398; ++i) bad[static_cast<size_t>(i)] = 1;  // two images are
  a = share_replicates(bad, kReplicates, 1);
  EXPECT_GT(difference({&a, 1}, {&b, 1}, true).p, 0.1);
}

TEST(Estimate, FewImagesProveNothing) {
  for (const int64_t images : {1, 3, 20}) {
    const std::vector<uint8_t> none(static_cast<size_t>(images), 0), all(static_cast<size_t>(images), 1);
    Replicates a = share_replicates(none, kReplicates, 1), b = share_replicates(all, kReplicates, 1);
    a.images = b.images = images;
    const double p = difference({&a, 1}, {&b, 1}, true).p;
    EXPECT_GE(p, std::exp2(1 - static_cast<double>(images)));  // the sign test's
    if (images > 10) EXPECT_LT(p, 0.01);
  }
}

TEST(ShareDraws, AreThoseOfTheDraws) {
  Rng rng(1, "draws");
  ShareDraws draws(40, 9);
  for (const int images : {300, 300, 700, 1}) {  // more than are summed at once, and another number of images
    std::vector<uint8_t> right;
    for (int i = 0; i < images; ++i) right.push_back(rng.chance(0.6));
    const Replicates found = draws.of(right);
    ASSERT_EQ(found.resampled.size(), 40u);
    for (int b = 0; b < 40; ++b) {
      const std::vector<float> times = draw_images(images, 9, b / kLanes);
      double hits = 0;
      for (int i = 0; i < images; ++i) hits += right[i] * times[i * kLanes + b % kLanes];
      EXPECT_EQ(found.resampled[b], hits / images);
    }
    EXPECT_EQ(share_replicates(right, 40, 9).resampled, found.resampled);
  }
}

TEST(Estimate, WhatCannotBeComparedIsRefused) {
  const Replicates few{0, {1, 2}}, more{0, {1, 2, 3}};
  EXPECT_THROW(mean_of({}), Error);
  EXPECT_THROW(difference({&few, 1}, {&more, 1}, true), Error);
  const Replicates two[] = {few, few};
  EXPECT_THROW(difference(two, {&few, 1}, true), Error);
  EXPECT_NO_THROW(difference(two, {&few, 1}, false));
  EXPECT_THROW(share_replicates({}, 10, 1), Error);
}

}  // namespace
}  // namespace quench::stats
