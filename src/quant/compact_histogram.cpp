#include "quant/compact_histogram.h"

#include <algorithm>
#include <cmath>

namespace quench::quant {
namespace {

void put(std::vector<uint8_t>& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<uint8_t>(value | 0x80));
  out.push_back(static_cast<uint8_t>(value));
}

uint64_t take(const uint8_t*& from) {
  uint64_t value = 0;
  for (int shift = 0;; shift += 7) {
    const uint8_t byte = *from++;
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
}

/// Bins before this are not there: a span of kMaxBins holds 0.
constexpr int64_t kBefore = -Histogram::kMaxBins - 1;

}  // namespace

CompactHistogram::CompactHistogram(const Histogram& histogram)
    : exponent_(histogram.exponent()), extent_(histogram.extent()) {
  int64_t before = kBefore;
  for (size_t i = 0; i < histogram.counts().size(); ++i) {
    const int64_t count = histogram.counts()[i], bin = histogram.first() + static_cast<int64_t>(i);
    if (count == 0) continue;
    put(packed_, static_cast<uint64_t>(bin - before));
    put(packed_, static_cast<uint64_t>(count));
    before = bin;
  }
  packed_.shrink_to_fit();
}

std::vector<Histogram::BinCount> CompactHistogram::bins() const {
  std::vector<Histogram::BinCount> out;
  out.reserve(packed_.size() / 2);
  int64_t bin = kBefore;
  for (const uint8_t *from = packed_.data(), *end = from + packed_.size(); from != end;) {
    bin += static_cast<int64_t>(take(from));
    out.push_back({bin, static_cast<int64_t>(take(from))});
  }
  return out;
}

void CompactHistogram::add_to(Histogram& histogram) const { histogram.add(exponent_, extent_, bins()); }

CompactHistogram::Moments CompactHistogram::moments() const {
  double total = 0, sum = 0, squares = 0;
  for (const auto& [bin, count] : bins()) {
    const double centre = static_cast<double>(bin) + 0.5, n = static_cast<double>(count);
    total += n;
    sum += n * centre;
    squares += n * centre * centre;
  }
  if (total == 0) return {};
  const double mean = sum / total;
  const double width = std::ldexp(1.0, exponent_);
  return {mean * width, std::sqrt(std::max(0.0, squares / total - mean * mean)) * width};
}

}  // namespace quench::quant
