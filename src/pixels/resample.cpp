#include "pixels/resample.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>
#include <vector>

#include "core/error.h"
#include "pixels/target_clones.h"

namespace quench::pixels {
namespace {

constexpr int kTapBits = 22;
constexpr double kSharpness = -0.5;  ///< `a` of cubic convolution

double triangle(double x) { return std::max(0.0, 1.0 - std::abs(x)); }

double cubic(double x) {
  x = std::abs(x);
  if (x < 1) return ((kSharpness + 2) * x - (kSharpness + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * kSharpness;
  return 0;
}

double sinc(double x) {
  if (x == 0) return 1;
  x *= std::numbers::pi;
  return std::sin(x) / x;
}

double lanczos(double x) { return x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0; }

struct Filter {
  double support;
  double (*value)(double);
};

Filter filter_of(Resampling resampling) {
  switch (resampling) {
    case Resampling::bilinear_antialias: return {1, triangle};
    case Resampling::bicubic_antialias: return {2, cubic};
    case Resampling::lanczos_antialias: return {3, lanczos};
    case Resampling::own:
    case Resampling::bilinear: break;
  }
  fail(ErrorKind::internal, "[pixels.resample] expected an antialiased filter, got another one");
}

/// Where the outputs of one axis come from: `count[i]` sources from first[i] on, with weights[i * taps ..].
struct Taps {
  int taps = 0;
  std::vector<int> first, count;
  std::vector<int32_t> weights;
};

Taps make_taps(const Filter& filter, int source, int64_t resized, int64_t from, int wanted) {
  const double scale = static_cast<double>(source) / static_cast<double>(resized);
  const double stretch = std::max(scale, 1.0), support = filter.support * stretch;
  Taps out;
  out.taps = static_cast<int>(std::ceil(support)) * 2 + 1;
  out.weights.assign(static_cast<size_t>(out.taps) * static_cast<size_t>(wanted), 0);
  std::vector<double> values;
  for (int i = 0; i < wanted; ++i) {
    const double centre = (static_cast<double>(from + i) + 0.5) * scale;
    const int first = std::max(0, static_cast<int>(centre - support + 0.5));
    const int end = std::min(source, static_cast<int>(centre + support + 0.5));
    values.clear();
    double sum = 0;
    for (int at = first; at < end; ++at) {
      values.push_back(filter.value((at - centre + 0.5) * (1.0 / stretch)));
      sum += values.back();
    }
    out.first.push_back(first);
    out.count.push_back(end - first);
    int32_t* weights = out.weights.data() + static_cast<size_t>(out.taps) * static_cast<size_t>(i);
    for (const double value : values) {
      const double share = sum != 0 ? value / sum : value;
      *weights++ = static_cast<int32_t>(share * (1 << kTapBits) + (share < 0 ? -0.5 : 0.5));
    }
  }
  return out;
}

uint8_t rounded(int32_t sum) { return static_cast<uint8_t>(std::clamp(sum >> kTapBits, 0, 255)); }

QUENCH_CLONES void add_row(const uint8_t* row, int32_t weight, int64_t count, int32_t* sums) {
  for (int64_t i = 0; i < count; ++i) sums[i] += weight * row[i];
}

QUENCH_CLONES void round_row(const int32_t* sums, int64_t count, uint8_t* out) {
  for (int64_t i = 0; i < count; ++i) {
    const int32_t value = sums[i] >> kTapBits;
    out[i] = static_cast<uint8_t>(value < 0 ? 0 : value > 255 ? 255 : value);
  }
}

void resample_row(const uint8_t* row, const Taps& columns, uint8_t* out) {
  for (size_t x = 0; x < columns.first.size(); ++x, out += kRgb) {
    const uint8_t* from = row + static_cast<int64_t>(kRgb) * columns.first[x];
    const int32_t* weights = columns.weights.data() + x * static_cast<size_t>(columns.taps);
    int32_t sums[kRgb] = {1 << (kTapBits - 1), 1 << (kTapBits - 1), 1 << (kTapBits - 1)};
    for (int t = 0; t < columns.count[x]; ++t) {
      for (int c = 0; c < kRgb; ++c) sums[c] += weights[t] * from[kRgb * t + c];
    }
    for (int c = 0; c < kRgb; ++c) out[c] = rounded(sums[c]);
  }
}

}  // namespace

void resample(const SourceView& source, Resampling resampling, const ResizedPart& part, uint8_t* out,
              int64_t row_bytes) {
  const Filter filter = filter_of(resampling);
  const Taps columns = make_taps(filter, source.width, part.width, part.left, part.columns);
  const Taps rows = make_taps(filter, source.height, part.height, part.top, part.rows);
  const int first = *std::ranges::min_element(rows.first);
  int end = first;
  for (size_t y = 0; y < rows.first.size(); ++y) end = std::max(end, rows.first[y] + rows.count[y]);
  const int64_t wanted = int64_t{kRgb} * part.columns;
  std::vector<uint8_t> between(static_cast<size_t>(wanted) * static_cast<size_t>(end - first));
  for (int y = first; y < end; ++y) {
    const uint8_t* row = source.data + y * source.row_bytes;
    uint8_t* to = between.data() + (y - first) * wanted;
    if (part.width == source.width) {
      std::memcpy(to, row + kRgb * part.left, static_cast<size_t>(wanted));
    } else {
      resample_row(row, columns, to);
    }
  }
  std::vector<int32_t> sums(static_cast<size_t>(wanted));
  for (int y = 0; y < part.rows; ++y, out += row_bytes) {
    const uint8_t* from = between.data() + (rows.first[static_cast<size_t>(y)] - first) * wanted;
    if (part.height == source.height) {
      std::memcpy(out, between.data() + (part.top + y - first) * wanted, static_cast<size_t>(wanted));
      continue;
    }
    std::ranges::fill(sums, 1 << (kTapBits - 1));
    const int32_t* weights = rows.weights.data() + static_cast<size_t>(y) * static_cast<size_t>(rows.taps);
    for (int t = 0; t < rows.count[static_cast<size_t>(y)]; ++t) {
      add_row(from + t * wanted, weights[t], wanted, sums.data());
    }
    round_row(sums.data(), wanted, out);
  }
}

}  // namespace quench::pixels
