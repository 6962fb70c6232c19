#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <iterator>
#include <random>
#include <vector>

#include "nn/kernels/batch_norm.h"
#include "nn/kernels/flat.h"
#include "nn/kernels/sgd.h"
#include "runtime/native/silu_terms.h"

namespace quench::nn::kernels {
namespace {

std::vector<Isa> isas() {
  std::vector<Isa> out;
  for (Isa isa : {Isa::baseline, Isa::avx2, Isa::avx512, Isa::avx512_bf16}) {
    if (supported(isa)) out.push_back(isa);
  }
  return out;
}

std::vector<float> normal(int64_t count, float mean, float deviation, uint32_t seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> distribution(mean, deviation);
  std::vector<float> out(static_cast<size_t>(count));
  for (float& value : out) value = distribution(generator);
  return out;
}

double silu_of(double z) { return z / (1 + std::exp(-z)); }

/// Batch norm and silu written down in double, as a function of its inputs alone.
struct Reference {
  int64_t rows, channels;
  std::vector<double> x, weight, bias;
  bool silu;
  double epsilon = 1e-3;

  std::vector<double> forward() const {
    std::vector<double> y(x.size());
    for (int64_t c = 0; c < channels; ++c) {
      double mean = 0, variance = 0;
      for (int64_t r = 0; r < rows; ++r) mean += x[r * channels + c] / rows;
      for (int64_t r = 0; r < rows; ++r) variance += std::pow(x[r * channels + c] - mean, 2) / rows;
      for (int64_t r = 0; r < rows; ++r) {
        const double z = (x[r * channels + c] - mean) / std::sqrt(variance + epsilon) * weight[c] + bias[c];
        y[r * channels + c] = silu ? silu_of(z) : z;
      }
    }
    return y;
  }
  double loss(const std::vector<float>& dy) const {
    const std::vector<double> y = forward();
    double sum = 0;
    for (size_t i = 0; i < y.size(); ++i) sum += y[i] * dy[i];
    return sum;
  }
};

struct Shape2 {
  int64_t rows, channels;
};

class BatchNorm : public testing::TestWithParam<Shape2> {};

TEST_P(BatchNorm, AgreesWithDoubleAndItsFiniteDifferencesOnEveryInstructionSet) {
  const auto [rows, channels] = GetParam();
  for (bool silu : {true, false}) {
    const std::vector<float> x = normal(rows * channels, 0.7f, 1.5f, 1);
    const std::vector<float> weight = normal(channels, 1, 0.3f, 2), bias = normal(channels, 0, 0.5f, 3);
    const std::vector<float> dy = normal(rows * channels, 0, 1, 4);
    Reference reference{
        rows, channels, {x.begin(), x.end()}, {weight.begin(), weight.end()}, {bias.begin(), bias.end()}, silu};
    const std::vector<double> expected = reference.forward();
    for (Isa isa : isas()) {
      SCOPED_TRACE(to_string(isa));
      const RowsLayout layout{rows, channels, 2, isa};
      std::vector<double> mean(channels), variance(channels);
      channel_moments(x.data(), layout, mean.data(), variance.data());
      std::vector<float> mean_f(mean.begin(), mean.end()), inverse(channels);
      for (int64_t c = 0; c < channels; ++c) {
        inverse[c] = static_cast<float>(1 / std::sqrt(variance[c] + reference.epsilon));
      }
      const NormParameters parameters{mean_f.data(), inverse.data(), weight.data(), bias.data(), silu};
      std::vector<float> y(x.size()), dx(x.size()), dweight(channels), dbias(channels);
      norm_forward(x.data(), y.data(), layout, parameters);
      // Values of size 1 to 10 through some ten float32 operations: 1e-5 is 80 ulp of 1.
      for (size_t i = 0; i < y.size(); ++i) ASSERT_NEAR(y[i], expected[i], 1e-5 * (1 + std::abs(expected[i]))) << i;

      std::vector<double> sum(channels), product(channels);
      norm_sums(x.data(), dy.data(), layout, parameters, sum.data(), product.data(), dx.data());
      for (int64_t c = 0; c < channels; ++c) {
        dbias[c] = static_cast<float>(sum[c]);
        dweight[c] = static_cast<float>(product[c] * inverse[c]);
      }
      const std::vector<float> dz = dx;
      if (!silu) EXPECT_EQ(dz, dy) << "without an activation they are the same";
      norm_backward(x.data(), dz.data(), layout, parameters, sum.data(), product.data(), rows, dx.data());
      // Central differences in double with step 1e-5 are exact to 1e-8; the rest is float32 rounding of sums over rows.
      const double step = 1e-5;
      const auto slope = [&](double& at) {
        const double kept = at;
        at = kept + step;
        const double above = reference.loss(dy);
        at = kept - step;
        const double below = reference.loss(dy);
        at = kept;
        return (above - below) / (2 * step);
      };
      const double tolerance = 2e-5 * (1 + std::sqrt(static_cast<double>(rows)));
      for (int k = 0; k < 6; ++k) {
        const size_t i = (x.size() - 1) * k / 5;
        EXPECT_NEAR(dx[i], slope(reference.x[i]), 5e-5) << "x " << i;
        const size_t c = (channels - 1) * k / 5;
        EXPECT_NEAR(dweight[c], slope(reference.weight[c]), tolerance) << "weight " << c;
        EXPECT_NEAR(dbias[c], slope(reference.bias[c]), tolerance) << "bias " << c;
      }
    }
  }
}

// Channel counts that vectors divide, that they do not, smaller and larger than one; rows fewer than one wide row.
INSTANTIATE_TEST_SUITE_P(Shapes, BatchNorm,
                         testing::Values(Shape2{2, 1}, Shape2{50, 3}, Shape2{33, 16}, Shape2{700, 24}, Shape2{37, 80},
                                         Shape2{64, 64}, Shape2{5, 255}, Shape2{20, 256}));

/// By hand: to the nearest, ties to even.
Bf16 rounded(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  return {static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16)};
}
float widened(Bf16 value) { return std::bit_cast<float>(static_cast<uint32_t>(value.bits) << 16); }

/// y of one row by the identity, but for the factor `weight`: what storing rounds.
std::vector<Bf16> scaled(const std::vector<Bf16>& x, float weight, Isa isa) {
  const auto channels = static_cast<int64_t>(x.size());
  const std::vector<float> zeros(x.size(), 0.0f), ones(x.size(), 1.0f), weights(x.size(), weight);
  std::vector<Bf16> y(x.size());
  norm_forward(x.data(), y.data(), {1, channels, 1, isa},
               {zeros.data(), ones.data(), weights.data(), zeros.data(), false});
  return y;
}

TEST(Bf16, IsRoundedToTheNearestAndTiesToEven) {
  const std::vector<float> values = {1, -1, 1.5f, 3.25f, -0.0078125f, 1e30f, -1e-30f, 255};
  std::vector<Bf16> x(values.size());
  for (size_t i = 0; i < x.size(); ++i) x[i] = rounded(values[i]);
  const float tie_down = 1 + 1.0f / 256, tie_up = 1 + 3.0f / 256;  // between 1, 1 + 1/128 and 1 + 2/128
  for (Isa isa : isas()) {
    SCOPED_TRACE(to_string(isa));
    EXPECT_EQ(widened(scaled(x, tie_down, isa)[0]), 1.0f);
    EXPECT_EQ(widened(scaled(x, tie_up, isa)[0]), 1 + 2.0f / 128);
    for (float weight : {1.0f, 1.2345f, 0.333f, tie_down, tie_up}) {
      const std::vector<Bf16> y = scaled(x, weight, isa);
      for (size_t i = 0; i < x.size(); ++i) {
        EXPECT_EQ(y[i].bits, rounded(widened(x[i]) * weight).bits) << values[i] << " * " << weight;
      }
    }
    const Bf16 nan{0x7fff}, infinite{0x7f80};
    EXPECT_TRUE(std::isnan(widened(scaled({nan, infinite}, 1, isa)[0])));
    EXPECT_TRUE(std::isinf(widened(scaled({nan, infinite}, 1, isa)[1])));
  }
}

/// On values that bfloat16 holds, what float32 computes, rounded once where it is stored.
TEST_P(BatchNorm, OfBf16AgreesWithFloat32) {
  const auto [rows, channels] = GetParam();
  std::vector<float> x = normal(rows * channels, 0.7f, 1.5f, 1), dy = normal(rows * channels, 0, 1, 4);
  std::vector<Bf16> x_half(x.size()), dy_half(x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    x[i] = widened(x_half[i] = rounded(x[i]));
    dy[i] = widened(dy_half[i] = rounded(dy[i]));
  }
  const std::vector<float> weight = normal(channels, 1, 0.3f, 2), bias = normal(channels, 0, 0.5f, 3);
  for (Isa isa : isas()) {
    for (bool silu : {true, false}) {
      SCOPED_TRACE(to_string(isa));
      const RowsLayout layout{rows, channels, 2, isa};
      std::vector<double> mean(channels), variance(channels), mean_half(channels), variance_half(channels);
      channel_moments(x.data(), layout, mean.data(), variance.data());
      channel_moments(x_half.data(), layout, mean_half.data(), variance_half.data());
      EXPECT_EQ(mean_half, mean);
      EXPECT_EQ(variance_half, variance);
      std::vector<float> mean_f(mean.begin(), mean.end()), inverse(channels);
      for (int64_t c = 0; c < channels; ++c) inverse[c] = static_cast<float>(1 / std::sqrt(variance[c] + 1e-3));
      const NormParameters parameters{mean_f.data(), inverse.data(), weight.data(), bias.data(), silu};
      std::vector<float> y(x.size()), dx(x.size());
      std::vector<double> sum(channels), product(channels), sum_half(channels), product_half(channels);
      std::vector<Bf16> y_half(x.size()), dx_half(x.size());
      norm_forward(x.data(), y.data(), layout, parameters);
      norm_forward(x_half.data(), y_half.data(), layout, parameters);
      norm_sums(x.data(), dy.data(), layout, parameters, sum.data(), product.data(), dx.data());
      norm_sums(x_half.data(), dy_half.data(), layout, parameters, sum_half.data(), product_half.data(),
                dx_half.data());
      EXPECT_EQ(product_half, product) << "sums are of values that nothing has rounded yet";
      EXPECT_EQ(sum_half, sum);
      norm_backward(x.data(), dx.data(), layout, parameters, sum.data(), product.data(), rows, dx.data());
      norm_backward(x_half.data(), dx_half.data(), layout, parameters, sum_half.data(), product_half.data(), rows,
                    dx_half.data());
      for (size_t i = 0; i < x.size(); ++i) {
        // The nearest of 8 binary digits is 1/256 away at most; dx is rounded twice, first as dz.
        ASSERT_NEAR(widened(y_half[i]), y[i], std::abs(y[i]) / 256 + 1e-6) << i;
        const double size = std::abs(dy[i]) * 1.1 * std::abs(weight[i % channels]) * inverse[i % channels];
        ASSERT_NEAR(widened(dx_half[i]), dx[i], std::abs(dx[i]) / 128 + size / 128 + 1e-6) << i;
      }
    }
  }
}

TEST(ChannelMoments, KeepTheVarianceOfValuesFarFromZero) {
  const int64_t rows = 20000, channels = 16;
  const std::vector<float> x = normal(rows * channels, 1000, 0.1f, 5);
  for (Isa isa : isas()) {
    std::vector<double> mean(channels), variance(channels);
    channel_moments(x.data(), {rows, channels, 2, isa}, mean.data(), variance.data());
    for (int64_t c = 0; c < channels; ++c) {
      double exact = 0, spread = 0;
      for (int64_t r = 0; r < rows; ++r) exact += x[r * channels + c] / static_cast<double>(rows);
      for (int64_t r = 0; r < rows; ++r) spread += std::pow(x[r * channels + c] - exact, 2) / rows;
      EXPECT_NEAR(mean[c], exact, 1e-6);
      EXPECT_NEAR(variance[c] / spread, 1, 1e-4);  // a float32 sum of squares would be off by a factor
    }
  }
}

TEST(BatchNormThreads, DoesNotDependOnTheNumberOfThreads) {
  const int64_t rows = 5001, channels = 48;
  const std::vector<float> x = normal(rows * channels, 0, 1, 6), dy = normal(rows * channels, 0, 1, 7);
  const std::vector<float> ones(channels, 1.0f), zeros(channels, 0.0f);
  std::vector<float> first;
  for (int threads : {1, 2, 3}) {
    const RowsLayout layout{rows, channels, threads, best_isa()};
    std::vector<double> mean(channels), variance(channels);
    channel_moments(x.data(), layout, mean.data(), variance.data());
    std::vector<float> result(mean.begin(), mean.end());
    result.resize(channels * 3 + x.size());
    const NormParameters parameters{zeros.data(), ones.data(), ones.data(), zeros.data(), true};
    std::vector<double> sum(channels), product(channels);
    std::vector<float> dz(x.size());
    norm_sums(x.data(), dy.data(), layout, parameters, sum.data(), product.data(), dz.data());
    std::copy(sum.begin(), sum.end(), result.begin() + channels);
    std::copy(product.begin(), product.end(), result.begin() + channels * 2);
    norm_backward(x.data(), dz.data(), layout, parameters, sum.data(), product.data(), rows,
                  result.data() + channels * 3);
    if (first.empty()) first = result;
    EXPECT_EQ(result, first) << threads;
  }
}

/// The native engine's definition, with the standard library's fused multiply-add.
float silu_of_the_engine(float x) {
  using runtime::native::kSiluTerms;
  const float n = std::max(std::min(x, -x), runtime::native::kSiluLeast);
  float q = 0;
  for (size_t i = std::size(kSiluTerms); i-- > 0;) q = std::fma(q, n, kSiluTerms[i]);
  return std::fma(n, q, std::max(x, 0.0f));
}

TEST(EngineSilu, IsTheEnginesToTheBit) {
  std::vector<float> x;
  for (float value = -12; value <= 12; value += 0.00173f) x.push_back(value);
  for (float value : {0.0f, -0.0f, 1e30f, -1e30f, 1e-30f}) x.push_back(value);
  for (Isa isa : isas()) {
    std::vector<float> y(x.size());
    engine_silu(x.data(), y.data(), static_cast<int64_t>(x.size()), {2, isa});
    for (size_t i = 0; i < x.size(); ++i) {
      // By way of double a sum may be rounded twice: one ulp of what is added up.
      const double allowed = isa == Isa::baseline ? 1e-7 * std::abs(x[i]) + 2e-5 : 0;
      EXPECT_NEAR(y[i], silu_of_the_engine(x[i]), allowed) << x[i] << " " << to_string(isa);
    }
  }
}

TEST(Silu, IsExactToAFewUlpAndSafeFarOut) {
  std::vector<float> x;
  for (float value = -100; value <= 100; value += 0.0137f) x.push_back(value);
  for (float value : {0.0f, -0.0f, 1e30f, -1e30f, 1e-30f}) x.push_back(value);
  const std::vector<float> ones(x.size(), 1.0f);
  for (Isa isa : isas()) {
    std::vector<float> y(x.size()), dx(x.size());
    silu_forward(x.data(), y.data(), static_cast<int64_t>(x.size()), {2, isa});
    silu_backward(x.data(), ones.data(), dx.data(), static_cast<int64_t>(x.size()), {2, isa});
    for (size_t i = 0; i < x.size(); ++i) {
      const double z = x[i], s = 1 / (1 + std::exp(-z));
      // exp within 2 ulp, two more roundings: 5 ulp. Below -87 the value is held at a tiny one.
      if (z > -1e3) {
        EXPECT_NEAR(y[i], silu_of(z), 6e-7 * std::abs(silu_of(z)) + 1e-34) << z;
      }
      if (std::abs(z) < 1e3) {
        EXPECT_NEAR(dx[i], s * (1 + z * (1 - s)), 1e-6) << z;
      }
      EXPECT_TRUE(std::isfinite(y[i]) && std::isfinite(dx[i])) << z;
    }
  }
}

TEST(FakeQuant, RoundsHalfToEvenAndClamps) {
  std::vector<float> x = normal(1003, 0, 3, 8);
  for (int i = -300; i < 300; ++i) x.push_back(static_cast<float>(i) * 0.5f * 0.25f);  // ties: scale is 0.25
  const auto count = static_cast<int64_t>(x.size());
  const std::vector<float> dy = normal(count, 0, 1, 9);
  const float scale = 0.25f, low = -20, high = 30;
  for (Isa isa : isas()) {
    std::vector<float> y(x.size()), dx(x.size());
    fake_quant_forward(x.data(), y.data(), count, scale, low, high, {2, isa});
    const double sum = fake_quant_backward(x.data(), dy.data(), dx.data(), count, scale, low, high, true, {2, isa});
    double expected = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      const float v = x[i] / scale;
      const float q = std::nearbyint(std::min(std::max(v, low), high));
      ASSERT_EQ(y[i], q * scale) << x[i];
      const bool inside = v >= low && v <= high;
      ASSERT_EQ(dx[i], inside ? dy[i] : 0.0f) << x[i];
      expected += static_cast<double>(dy[i]) * (inside ? q - v : (v < low ? low : high));
    }
    EXPECT_NEAR(sum, expected, 1e-4 * std::sqrt(static_cast<double>(count)) * high);
  }
}

TEST(Sgd, FollowsTheRuleAndTheAverageToo) {
  for (Isa isa : isas()) {
    for (bool nesterov : {true, false}) {
      const SgdOptions options{0.1f, 0.9f, 0.01f, nesterov};
      std::vector<std::vector<float>> w, g, v, mean;
      for (int64_t count : {1, 17, 70000}) {
        w.push_back(normal(count, 0, 1, 10));
        g.push_back(normal(count, 0, 1, 11));
        v.push_back(normal(count, 0, 1, 12));
        mean.push_back(normal(count, 0, 1, 13));
      }
      const auto w0 = w, v0 = v, mean0 = mean;
      std::vector<SgdSpan> spans;
      std::vector<AverageSpan> averages;
      for (size_t k = 0; k < w.size(); ++k) {
        spans.push_back({w[k].data(), g[k].data(), v[k].data(), static_cast<int64_t>(w[k].size())});
        averages.push_back({mean[k].data(), w0[k].data(), static_cast<int64_t>(w[k].size())});
      }
      sgd_step(spans, options, {2, isa});
      average_step(averages, 0.9f, {2, isa});
      for (size_t k = 0; k < w.size(); ++k) {
        for (size_t i = 0; i < w[k].size(); ++i) {
          const double gradient = g[k][i] + 0.01 * w0[k][i];
          const double velocity = 0.9 * v0[k][i] + gradient;
          ASSERT_NEAR(v[k][i], velocity, 2e-6);
          ASSERT_NEAR(w[k][i], w0[k][i] - 0.1 * (nesterov ? gradient + 0.9 * velocity : velocity), 2e-6);
          ASSERT_NEAR(mean[k][i], 0.9 * mean0[k][i] + 0.1 * w0[k][i], 2e-6);
        }
      }
    }
  }
}

}  // namespace
}  // namespace quench::nn::kernels
