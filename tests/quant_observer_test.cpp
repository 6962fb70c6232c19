#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>

#include "core/error.h"
#include "core/rng.h"
#include "quant/histogram.h"
#include "quant/observer.h"

namespace quench::quant {
namespace {

using Values = std::vector<float>;

// Kinds of data that activations look like.
Values make_values(const std::string& kind, size_t count, uint64_t seed) {
  Rng rng(seed, "observer-test");
  Values out(count);
  for (float& x : out) {
    const double n = rng.normal();
    if (kind == "normal") x = static_cast<float>(n);
    if (kind == "silu") x = static_cast<float>(2 * n / (1 + std::exp(-2 * n)));
    if (kind == "relu") x = static_cast<float>(std::max(n, 0.0));
    if (kind == "laplace") x = static_cast<float>((rng.chance(0.5) ? 1 : -1) * -std::log(1 - rng.uniform()));
    if (kind == "negative") x = static_cast<float>(-3 - std::abs(n));
    if (kind == "cubed") x = static_cast<float>(n * n * n + 0.5);
  }
  return out;
}
const std::vector<std::string> kKinds = {"normal", "silu", "relu", "laplace", "negative", "cubed"};

Range observe_all(const std::string& name, const Values& values, int bits, bool symmetric, double percentile = 99.9) {
  const auto observer = make_observer(name, percentile);
  observer->observe(values);
  return observer->range(bits, symmetric);
}

// Mean squared quantization error, straight from the definition and in double.
double mean_squared_error(const Values& values, const graph::QuantParams& params) {
  double sum = 0;
  for (const double x : values) {
    const double scale = params.scale[0];
    const double q = std::clamp(std::nearbyint(x / scale) + params.zero_point[0], static_cast<double>(params.q_min()),
                                static_cast<double>(params.q_max()));
    const double error = x - scale * (q - params.zero_point[0]);
    sum += error * error;
  }
  return sum / static_cast<double>(values.size());
}

TEST(Observer, MinMaxIsTheExtent) { EXPECT_EQ(observe_all("minmax", {0.5f, -2, 7, 3}, 8, false), (Range{-2, 7})); }

TEST(Observer, MovingAverageFollowsBatches) {
  const auto observer = make_observer("moving_average", 100);
  observer->observe(Values{-1, 1});
  observer->observe(Values{0, 2});  // the same batch
  observer->end_batch();
  EXPECT_EQ(observer->range(8, false), (Range{-1, 2}));
  observer->observe(Values{-11, 12});
  const Range pending = observer->range(8, false);
  observer->end_batch();
  EXPECT_EQ(observer->range(8, false), pending);  // ended or not, the batch counts once
  EXPECT_FLOAT_EQ(pending.low, 0.9f * -1 + 0.1f * -11);
  EXPECT_FLOAT_EQ(pending.high, 0.9f * 2 + 0.1f * 12);
}

TEST(Observer, PercentileHundredIsMinMax) {
  for (const std::string& kind : kKinds) {
    const Values values = make_values(kind, 5000, 1);
    for (const bool symmetric : {false, true}) {
      EXPECT_EQ(observe_all("percentile", values, 8, symmetric, 100), observe_all("minmax", values, 8, symmetric));
    }
  }
}

TEST(Observer, PercentileKeepsItsShare) {
  for (const std::string& kind : kKinds) {
    const Values values = make_values(kind, 100000, 2);
    for (const double percentile : {90.0, 99.0, 99.9}) {
      const Range range = observe_all("percentile", values, 8, false, percentile);
      const auto below = std::count_if(values.begin(), values.end(), [&](float x) { return x < range.low; });
      const auto above = std::count_if(values.begin(), values.end(), [&](float x) { return x > range.high; });
      const double tail = (100 - percentile) / 200 * static_cast<double>(values.size());
      // Off by at most a bin's content; ReLU's zeros and SiLU's minimum are a spike at the low end.
      const double tolerance = 0.003 * static_cast<double>(values.size());
      if (kind != "relu" && kind != "silu") {
        EXPECT_NEAR(below, tail, tolerance) << kind << percentile;
      }
      EXPECT_NEAR(above, tail, tolerance) << kind << percentile;
    }
    const Range range = observe_all("percentile", values, 8, true, 99);
    const float bound = std::max(-range.low, range.high);
    const auto outside = std::count_if(values.begin(), values.end(), [&](float x) { return std::abs(x) > bound; });
    EXPECT_NEAR(outside, 0.01 * static_cast<double>(values.size()), 300) << kind;
  }
}

TEST(Observer, MseBeatsTheOthers) {
  for (const std::string& kind : kKinds) {
    const Values values = make_values(kind, 60000, 3);
    for (const int bits : {8, 6, 4, 3, 2}) {
      for (const bool symmetric : {false, true}) {
        const auto error_of = [&](const std::string& name) {
          return mean_squared_error(values, params_for(observe_all(name, values, bits, symmetric), bits, symmetric));
        };
        const double mse = error_of("mse");
        // The search sees 2048 to 4096 bins and a grid of ends: within 1 % of what the values themselves say.
        for (const char* other : {"minmax", "percentile", "moving_average", "entropy"}) {
          EXPECT_LE(mse, error_of(other) * 1.01) << kind << " " << bits << " bits, against " << other;
        }
      }
    }
  }
}

TEST(Observer, MseFindsTheKnownOptimumForGaussians) {
  // Banner et al. 2019, table of optimal clipping for N(0, 1): 2.55 sigma at 4 bits, 3.92 sigma at 8 bits (for their
  // mid-rise grid with 2^bits levels; ours has 2^bits - 1 levels, 0 among them: a little lower).
  const Values values = make_values("normal", 2000000, 4);
  EXPECT_NEAR(observe_all("mse", values, 4, true).high, 2.55, 0.15);
  EXPECT_NEAR(observe_all("mse", values, 8, true).high, 3.92, 0.15);
}

TEST(Observer, AciqFindsThePublishedClippings) {
  // Banner et al. 2019: optimal clipping in units of b and of sigma, by bits.
  const Values laplace = make_values("laplace", 2000000, 4), normal = make_values("normal", 2000000, 4);
  for (const auto& [bits, of_laplace, of_normal] :
       std::initializer_list<std::tuple<int, double, double>>{{2, 2.83, 1.71}, {3, 3.89, 2.15}, {4, 5.03, 2.55}}) {
    for (const bool symmetric : {false, true}) {
      EXPECT_NEAR(observe_all("aciq", laplace, bits, symmetric).high, of_laplace, 0.02 * of_laplace) << bits;
      EXPECT_NEAR(observe_all("aciq", laplace, bits, symmetric).low, -of_laplace, 0.02 * of_laplace) << bits;
      EXPECT_NEAR(observe_all("aciq", normal, bits, symmetric).high, of_normal, 0.02 * of_normal) << bits;
    }
  }
  EXPECT_NEAR(observe_all("aciq", laplace, 8, false).high, 9.89, 0.2);
  EXPECT_NEAR(observe_all("aciq", normal, 8, false).high, 3.92, 0.08);
}

TEST(Observer, AciqKeepsASideThatValuesDoNotReach) {
  const Values values = make_values("silu", 200000, 4);
  const Range found = observe_all("aciq", values, 4, false), all = observe_all("minmax", values, 4, false);
  EXPECT_EQ(found.low, all.low) << "SiLU's least value is near the mean";
  EXPECT_LT(found.high, all.high);
}

TEST(Observer, EntropyClipsALongTailAndKeepsAUniform) {
  Values uniform(200000);
  Rng rng(5, "uniform");
  for (float& x : uniform) x = static_cast<float>(rng.uniform(-1, 1));
  const Range whole = observe_all("entropy", uniform, 8, false);
  EXPECT_NEAR(whole.low, -1, 0.05);
  EXPECT_NEAR(whole.high, 1, 0.05);
  const Values tailed = make_values("cubed", 200000, 5);
  for (const bool symmetric : {false, true}) {
    const Range clipped = observe_all("entropy", tailed, 8, symmetric);
    const Range all = observe_all("minmax", tailed, 8, symmetric);
    EXPECT_LT(clipped.high, all.high * 0.9f);
    EXPECT_GT(clipped.high, all.high / 32);
  }
}

TEST(Observer, EntropyMatchesTheDefinition) {
  // Divergence of every symmetric threshold, computed as Migacz' slides write it, over the same bins.
  const Values values = make_values("laplace", 50000, 6);
  Histogram histogram;
  histogram.add(values);
  const std::vector<int64_t> bins = histogram.folded();
  double least = std::numeric_limits<double>::infinity();
  int64_t best = 0;
  for (int64_t n = 128; n <= static_cast<int64_t>(bins.size()); ++n) {
    std::vector<double> p(bins.begin(), bins.begin() + n), q(p);
    for (size_t i = n; i < bins.size(); ++i) p[n - 1] += static_cast<double>(bins[i]);
    for (int64_t level = 0; level < 128; ++level) {
      const int64_t start = n * level / 128, stop = n * (level + 1) / 128;
      double mass = 0, filled = 0;
      for (int64_t i = start; i < stop; ++i) mass += q[i], filled += q[i] > 0;
      for (int64_t i = start; i < stop; ++i) q[i] = q[i] > 0 ? mass / filled : 0;
    }
    double p_sum = 0, q_sum = 0, divergence = 0;
    for (int64_t i = 0; i < n; ++i) p_sum += p[i], q_sum += q[i];
    for (int64_t i = 0; i < n; ++i) {
      if (p[i] > 0) divergence += p[i] / p_sum * std::log(p[i] / p_sum / (q[i] / q_sum));
    }
    if (divergence < least - 1e-12) least = divergence, best = n;
  }
  const Range found = observe_all("entropy", values, 8, true);
  EXPECT_NEAR(std::max(-found.low, found.high), static_cast<double>(best) * histogram.width(), 2 * histogram.width());
}

TEST(Observer, BatchesDoNotMatter) {
  for (const std::string& kind : kKinds) {
    const Values values = make_values(kind, 30000, 7);
    Values reversed(values.rbegin(), values.rend());
    for (const char* name : {"minmax", "percentile", "mse", "entropy", "aciq"}) {
      for (const bool symmetric : {false, true}) {
        const Range whole = observe_all(name, values, 8, symmetric);
        const auto parts = make_observer(name, 99.9);
        for (size_t start = 0; start < reversed.size(); start += 777) {
          parts->observe(std::span(reversed).subspan(start, std::min<size_t>(777, reversed.size() - start)));
          parts->end_batch();
        }
        EXPECT_EQ(parts->range(8, symmetric), whole) << kind << " " << name;  // bit for bit
      }
    }
  }
}

TEST(Observer, ScalesWithTheData) {  // exactly, for a power of two
  for (const char* name : {"minmax", "moving_average", "percentile", "mse", "entropy", "aciq"}) {
    const Values values = make_values("silu", 20000, 8);
    Values larger = values;
    for (float& x : larger) x *= 64;
    const Range a = observe_all(name, values, 8, false), b = observe_all(name, larger, 8, false);
    EXPECT_EQ(b, (Range{a.low * 64, a.high * 64})) << name;
  }
}

TEST(Observer, DegenerateData) {
  const float largest = std::numeric_limits<float>::max();
  const std::vector<Values> sets = {
      Values(100, 0.0f), Values(100, 3.5f), Values(100, -3.5f),     {2.0f}, {-0.0f}, Values(50, 1e-42f),
      {1e-30f, -1e-30f}, {largest / 4, 0},  {-largest / 4, 1, 2, 3}};
  for (const Values& values : sets) {
    for (const std::string& name : observer_names()) {
      for (const bool symmetric : {false, true}) {
        const Range range = observe_all(name, values, 8, symmetric);
        const graph::QuantParams params = params_for(range, 8, symmetric);
        EXPECT_TRUE(std::isnormal(params.scale[0])) << name << " of " << values[0];
        EXPECT_GT(params.scale[0], 0) << name << " of " << values[0];
        // A constant comes back to half a step; bins are 1/4096 of the range, far finer.
        if (std::isnormal(values[0]) && values.size() == 100) {
          EXPECT_LE(mean_squared_error(values, params), std::pow(0.51 * params.scale[0], 2))
              << name << " of " << values[0];
        }
      }
    }
  }
}

TEST(Observer, OutlierMovesMinMaxAlone) {
  Values values = make_values("normal", 2000000, 9);
  values[1234] = 100;
  EXPECT_EQ(observe_all("minmax", values, 8, false).high, 100);
  EXPECT_LT(observe_all("percentile", values, 8, false).high, 5);
  EXPECT_LT(observe_all("mse", values, 8, false).high, 60);
  EXPECT_LT(observe_all("entropy", values, 8, false).high, 20);
}

TEST(Observer, RejectsWhatIsNotFinite) {
  for (const std::string& name : observer_names()) {
    for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                            -std::numeric_limits<float>::infinity()}) {
      for (const size_t position : {size_t{0}, size_t{17}, size_t{99}}) {
        Values values(100, 1.0f);
        values[position] = bad;
        const auto observer = make_observer(name, 99);
        try {
          observer->observe(values);
          FAIL() << name;
        } catch (const Error& error) {
          EXPECT_EQ(error.kind(), ErrorKind::data);
          EXPECT_NE(std::string(error.what()).find(std::to_string(position)), std::string::npos) << error.what();
        }
      }
    }
  }
}

TEST(Observer, RejectsRangesOfNothingAndUnknownNames) {
  for (const std::string& name : observer_names()) {
    const auto observer = make_observer(name, 99);
    observer->observe(std::span<const float>{});
    EXPECT_THROW(observer->range(8, false), Error) << name;
  }
  try {
    make_observer("minmaxx", 99);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::config);
    EXPECT_NE(std::string(error.what()).find("'minmax'"), std::string::npos);
  }
  EXPECT_THROW(make_observer("percentile", 101), Error);
}

TEST(Histogram, CountsAgainstADirectCount) {
  const Values values = make_values("cubed", 50000, 10);
  Histogram histogram;
  for (size_t start = 0; start < values.size(); start += 501) {
    histogram.add(std::span(values).subspan(start, std::min<size_t>(501, values.size() - start)));
  }
  std::vector<int64_t> expected(histogram.counts().size());
  for (const float x : values) {
    ++expected.at(static_cast<size_t>(static_cast<int64_t>(std::floor(x / histogram.width())) - histogram.first()));
  }
  EXPECT_EQ(histogram.counts(), expected);
  EXPECT_LE(static_cast<int64_t>(expected.size()), Histogram::kMaxBins);
  EXPECT_GE(static_cast<int64_t>(expected.size()), Histogram::kMaxBins / 2 - 1);
}

/// Bins are powers of two wide. Ends on bin edges would make scales ratios of small integers, whose products often fall
/// right between two integers, where simulation and integer arithmetic round apart.
TEST(Observer, SearchedEndsLieBetweenBins) {
  std::vector<float> values;
  Rng rng(5, "between bins");
  for (int i = 0; i < 20000; ++i) values.push_back(static_cast<float>(std::exp(rng.normal())));
  Histogram histogram;
  histogram.add(values);
  for (const bool symmetric : {false, true}) {
    const auto observer = make_observer("mse", 99.99);
    observer->observe(values);
    const float high = observer->range(6, symmetric).high;
    EXPECT_LT(high, histogram.extent().high);
    EXPECT_NE(high / histogram.width(), std::nearbyint(high / histogram.width()));
  }
}

TEST(ParamsFor, CoversTheRangeAndHoldsZero) {
  Rng rng(11, "params");
  for (int i = 0; i < 2000; ++i) {
    const double size = std::pow(10, rng.uniform(-8, 8));
    const double a = rng.uniform(-size, size), b = rng.uniform(-size, size);
    const Range range{static_cast<float>(std::min(a, b)), static_cast<float>(std::max(a, b))};
    for (const int bits : {2, 4, 7, 8}) {
      const graph::QuantParams u8 = params_for(range, bits, false);
      EXPECT_EQ(u8.dtype, DType::u8);
      EXPECT_GE(u8.zero_point[0], 0);
      EXPECT_LE(u8.zero_point[0], u8.q_max());
      const double scale = u8.scale[0];
      EXPECT_LE(scale * (u8.q_min() - u8.zero_point[0]), std::min(range.low, 0.0f) + 0.501 * scale);
      EXPECT_GE(scale * (u8.q_max() - u8.zero_point[0]), std::max(range.high, 0.0f) - 0.501 * scale);
      const graph::QuantParams i8 = params_for(range, bits, true);
      EXPECT_EQ(i8.dtype, DType::i8);
      EXPECT_EQ(i8.zero_point[0], 0);
      EXPECT_NEAR(i8.scale[0] * static_cast<double>(i8.q_max()), std::max(std::abs(range.low), std::abs(range.high)),
                  1e-6 * size);
    }
  }
  EXPECT_THROW(params_for({1, 0}, 8, false), Error);
  EXPECT_THROW(params_for({0, 1}, 9, false), Error);
  EXPECT_THROW(params_for({0, std::numeric_limits<float>::infinity()}, 8, false), Error);
}

}  // namespace
}  // namespace quench::quant
