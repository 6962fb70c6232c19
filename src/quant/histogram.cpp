#include "quant/histogram.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "core/error.h"

namespace quench::quant {
namespace {

constexpr int kMinExponent = -110;  // a bin of 2^-110: nothing smaller matters, and 1 / width stays finite

int64_t bin_of(float value, int exponent) {
  return static_cast<int64_t>(std::floor(std::ldexp(static_cast<double>(value), -exponent)));
}

// Smallest exponent with which kMaxBins bins cover 0 and the range.
int exponent_for(Range range) {
  const double span = static_cast<double>(range.high) - range.low;
  int exponent = kMinExponent;
  if (span > 0) exponent = std::max(exponent, std::ilogb(span / static_cast<double>(Histogram::kMaxBins)) - 1);
  while (bin_of(range.high, exponent) - bin_of(range.low, exponent) >= Histogram::kMaxBins) ++exponent;
  return exponent;
}

}  // namespace

Range finite_range(std::span<const float> values) {
  constexpr size_t kLanes = 16;  // independent chains, so that the loop vectorizes
  std::array<float, kLanes> low, high, not_finite{};
  low.fill(values[0]);
  high.fill(values[0]);
  const auto look = [&](size_t i, size_t lane) {
    const float x = values[i];
    low[lane] = x < low[lane] ? x : low[lane];
    high[lane] = x > high[lane] ? x : high[lane];
    not_finite[lane] += x - x;  // 0, or NaN where x is not finite
  };
  size_t i = 0;
  for (; i + kLanes <= values.size(); i += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) look(i + lane, lane);
  }
  for (; i < values.size(); ++i) look(i, 0);
  float bad = 0;
  for (const float lane : not_finite) bad += lane;
  if (std::isnan(bad)) {
    const auto found = std::find_if(values.begin(), values.end(), [](float x) { return !std::isfinite(x); });
    fail(ErrorKind::data, "[quant.observer] expected finite values, got {} at position {} of {}", *found,
         found - values.begin(), values.size());
  }
  // Which of two zeros came first must not matter: -0 + 0 is 0.
  return {*std::min_element(low.begin(), low.end()) + 0.0f, *std::max_element(high.begin(), high.end()) + 0.0f};
}

float Histogram::width() const { return std::ldexp(1.0f, exponent_); }

std::vector<int64_t> Histogram::folded() const {
  const int64_t end = first_ + static_cast<int64_t>(counts_.size());
  std::vector<int64_t> out(static_cast<size_t>(std::max(end, -first_)));
  for (int64_t bin = first_; bin < end; ++bin) {
    out[static_cast<size_t>(bin < 0 ? -bin - 1 : bin)] += counts_[static_cast<size_t>(bin - first_)];
  }
  return out;
}

void Histogram::cover(Range range) {
  const int exponent = exponent_for(range);
  const int64_t first = bin_of(range.low, exponent);
  const int64_t size = bin_of(range.high, exponent) - first + 1;
  if (!counts_.empty() && exponent == exponent_ && first == first_ && size == static_cast<int64_t>(counts_.size()))
    return;
  std::vector<int64_t> counts(static_cast<size_t>(size));
  const int shift = std::min(exponent - exponent_, 62);
  for (size_t i = 0; i < counts_.size(); ++i) {
    const int64_t bin = (first_ + static_cast<int64_t>(i)) >> shift;  // arithmetic: floor
    counts[static_cast<size_t>(bin - first)] += counts_[i];
  }
  counts_ = std::move(counts);
  first_ = first;
  exponent_ = exponent;
}

void Histogram::widen(Range extent) {
  extent_ = total_ == 0 ? extent : Range{std::min(extent_.low, extent.low), std::max(extent_.high, extent.high)};
  cover({std::min(extent_.low, 0.0f), std::max(extent_.high, 0.0f)});
}

void Histogram::add(const Histogram& other) {
  std::vector<BinCount> bins;
  for (size_t i = 0; i < other.counts_.size(); ++i) {
    if (other.counts_[i] > 0) bins.push_back({other.first_ + static_cast<int64_t>(i), other.counts_[i]});
  }
  add(other.exponent_, other.extent_, bins);
}

void Histogram::add(int exponent, Range extent, std::span<const BinCount> bins) {
  if (bins.empty()) return;
  widen(extent);
  const int shift = std::min(exponent_ - exponent, 62);
  for (const BinCount& one : bins) {
    counts_[static_cast<size_t>((one.bin >> shift) - first_)] += one.count;  // arithmetic: floor
    total_ += one.count;
  }
}

void write_histogram(ByteWriter& out, const Histogram& histogram) {
  const std::vector<int64_t>& counts = histogram.counts();
  out.number(static_cast<int64_t>(counts.size()) - std::ranges::count(counts, 0));
  if (histogram.total() == 0) return;
  out.number(histogram.exponent());
  out.real(histogram.extent().low);
  out.real(histogram.extent().high);
  int64_t before = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] == 0) continue;
    const int64_t bin = histogram.first() + static_cast<int64_t>(i);
    out.number(bin - before);
    out.number(counts[i]);
    before = bin;
  }
}

void add_histogram(ByteReader& in, Histogram& histogram) {
  const int64_t filled = in.count();
  if (filled == 0) return;
  const auto exponent = static_cast<int>(in.number());
  const float low = in.real_float(), high = in.real_float();
  std::vector<Histogram::BinCount> bins;
  int64_t bin = 0;
  for (int64_t i = 0; i < filled; ++i) {
    bin += in.number();
    bins.push_back({bin, in.number()});
  }
  histogram.add(exponent, {low, high}, bins);
}

void Histogram::add(std::span<const float> values) {
  if (values.empty()) return;
  widen(finite_range(values));
  total_ += static_cast<int64_t>(values.size());

  // 1 / width may overflow float at one go where width is tiny: values are then below 2^-98 and go to bin 0 or -1.
  const float inverse = std::ldexp(1.0f, -exponent_);
  const int32_t base = static_cast<int32_t>(first_);
  constexpr size_t kBlock = 1024;
  constexpr size_t kCopies =
      4;  // neighbours often fall into one bin: separate copies keep their increments independent
  std::array<int32_t, kBlock> bins;
  const size_t size = counts_.size();
  std::vector<uint32_t> copies(kCopies * size);
  size_t since_flush = 0;
  const auto flush = [&] {
    for (size_t i = 0; i < size; ++i) {
      for (size_t c = 0; c < kCopies; ++c) counts_[i] += copies[c * size + i];
    }
    std::fill(copies.begin(), copies.end(), 0u);
    since_flush = 0;
  };
  for (size_t start = 0; start < values.size(); start += kBlock) {
    const size_t count = std::min(kBlock, values.size() - start);
    for (size_t i = 0; i < count; ++i) {
      const float scaled = values[start + i] * inverse;  // exact: a power of two
      const int32_t truncated = static_cast<int32_t>(scaled);
      bins[i] = truncated - (scaled < static_cast<float>(truncated) ? 1 : 0) - base;
    }
    for (size_t i = 0; i < count; ++i) ++copies[(i % kCopies) * size + static_cast<size_t>(bins[i])];
    since_flush += count;
    if (since_flush > std::numeric_limits<uint32_t>::max() / 2) flush();
  }
  flush();
}

}  // namespace quench::quant
