#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "core/rng.h"

namespace quench {
namespace {

// xoshiro256** from the state {1, 2, 3, 4}: the first outputs of the authors' C code (public domain).
TEST(Rng, IsXoshiro256StarStar) {
  Rng rng(0, "");
  rng.set_state({1, 2, 3, 4});
  EXPECT_EQ(rng.next(), 11520u);
  EXPECT_EQ(rng.next(), 0u);
  EXPECT_EQ(rng.next(), 1509978240u);
  EXPECT_EQ(rng.next(), 1215971899390074240u);
}

// Seeds are promises: a change here changes every trained model and every calibration set. The values come from a
// second implementation, in another language: SplitMix64 steps over the seed, xor FNV-1a of the name, xor a, xor b.
TEST(Rng, SeedingIsStable) {
  Rng rng(42, "stability", 1, 2);
  EXPECT_EQ(rng.next(), 560279079374539159u);
  EXPECT_EQ(rng.next(), 6406144199474304302u);
}

TEST(Rng, StreamsDifferByEveryPartOfTheSeed) {
  std::set<uint64_t> firsts;
  int streams = 0;
  for (uint64_t seed : {0, 1, 2}) {
    for (const char* name : {"", "a", "b", "ab", "ba"}) {
      for (uint64_t a : {0, 1}) {
        for (uint64_t b : {0, 1, 7}) {
          firsts.insert(Rng(seed, name, a, b).next());
          ++streams;
        }
      }
    }
  }
  EXPECT_EQ(firsts.size(), static_cast<size_t>(streams));
  EXPECT_EQ(Rng(1, "x", 2, 3).next(), Rng(1, "x", 2, 3).next());
}

TEST(Rng, StateResumesTheStream) {
  Rng rng(5, "resume");
  for (int i = 0; i < 10; ++i) rng.normal();
  Rng other(0, "other");
  other.set_state(rng.state());
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(rng.normal(), other.normal());
    ASSERT_EQ(rng.beta(0.3), other.beta(0.3));
  }
}

struct Moments {
  double mean = 0, variance = 0;
};
template <typename Draw>
Moments moments(Draw draw, int n) {
  double sum = 0, square = 0;
  for (int i = 0; i < n; ++i) {
    const double x = draw();
    sum += x;
    square += x * x;
  }
  return {sum / n, square / n - sum / n * sum / n};
}

// Tolerances: 5 standard errors of the mean and of the variance at 100,000 draws; seeds are fixed.
TEST(Rng, DistributionsHaveTheirMoments) {
  constexpr int kDraws = 100000;
  Rng rng(9, "moments");
  const Moments uniform = moments([&] { return rng.uniform(); }, kDraws);
  EXPECT_NEAR(uniform.mean, 0.5, 0.005);
  EXPECT_NEAR(uniform.variance, 1.0 / 12, 0.0013);
  const Moments normal = moments([&] { return rng.normal(); }, kDraws);
  EXPECT_NEAR(normal.mean, 0, 0.016);
  EXPECT_NEAR(normal.variance, 1, 0.023);
  for (double a : {0.2, 1.0, 3.0}) {  // Beta(a, a): mean 1/2, variance 1 / (4 (2a + 1))
    const Moments beta = moments([&] { return rng.beta(a); }, kDraws);
    EXPECT_NEAR(beta.mean, 0.5, 0.008) << a;
    EXPECT_NEAR(beta.variance, 0.25 / (2 * a + 1), 0.003) << a;
  }
  const Moments coin = moments([&] { return rng.chance(0.3) ? 1.0 : 0.0; }, kDraws);
  EXPECT_NEAR(coin.mean, 0.3, 0.0075);
}

TEST(Rng, UniformStaysInItsHalfOpenRange) {
  Rng rng(2, "range");
  for (int i = 0; i < 100000; ++i) {
    const double x = rng.uniform(-2, 3);
    ASSERT_GE(x, -2);
    ASSERT_LT(x, 3);
  }
  EXPECT_FALSE(rng.chance(0));
  EXPECT_TRUE(rng.chance(1));
}

TEST(Rng, BelowIsEven) {
  Rng rng(4, "below");
  std::vector<int> counts(7);
  for (int i = 0; i < 70000; ++i) ++counts.at(rng.below(7));
  double chi_square = 0;
  for (int count : counts) chi_square += std::pow(count - 10000.0, 2) / 10000;
  EXPECT_LT(chi_square, 22.46);  // 0.999 quantile at 6 degrees of freedom
  for (int i = 0; i < 100; ++i) EXPECT_EQ(rng.below(1), 0u);
}

TEST(Rng, PermutationHoldsEachIndexOnceAndEveryOrderOccurs) {
  Rng rng(6, "permutation");
  std::vector<int64_t> order = permutation(1000, rng);
  EXPECT_FALSE(std::ranges::is_sorted(order));
  std::ranges::sort(order);
  for (int64_t i = 0; i < 1000; ++i) EXPECT_EQ(order[i], i);
  std::set<std::vector<int64_t>> orders;
  for (int i = 0; i < 500; ++i) orders.insert(permutation(4, rng));
  EXPECT_EQ(orders.size(), 24u);
  EXPECT_TRUE(permutation(0, rng).empty());
}

}  // namespace
}  // namespace quench
