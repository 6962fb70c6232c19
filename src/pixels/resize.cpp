#include "pixels/resize.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "pixels/target_clones.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace quench::pixels {
namespace {

constexpr int kChannels = 3;
constexpr float kWhole = 2048;  ///< weights have 11 bits

// A pixel and the value behind it, as one.
using Bytes4 = uint8_t __attribute__((vector_size(4)));
using Words4 = uint16_t __attribute__((vector_size(8)));

template <typename Vector>
Vector load(const void* from) {
  Vector value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

/// One row of the source at `count` columns of the output, without the lowest 4 of 11 bits. Reads two values behind the
/// two pixels, and writes one behind the pixel.
#if defined(__SSE2__)
void blend_columns(const uint8_t* row, const int* first, const int32_t* near, const int32_t* far, int count,
                   int16_t* out) {
  const __m128i zero = _mm_setzero_si128();
  for (int x = 0; x < count; ++x, out += kChannels) {
    const __m128i both =
        _mm_unpacklo_epi8(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(row + kChannels * first[x])),
                          zero);  // 3 values, 3 of the next pixel, 2 more
    const __m128i pairs = _mm_unpacklo_epi16(both, _mm_srli_si128(both, 2 * kChannels));
    const __m128i sums = _mm_madd_epi16(pairs, _mm_set1_epi32(far[x] << 16 | near[x]));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(out), _mm_packs_epi32(_mm_srai_epi32(sums, 4), zero));
  }
}
#else
/// Three values of 8 bits, the first the lowest, in places of 21 bits.
uint64_t spread(uint64_t pixel) { return (pixel & 0xff) | (pixel & 0xff00) << 13 | (pixel & 0xff0000) << 26; }

void blend_columns(const uint8_t* row, const int* first, const int32_t* near, const int32_t* far, int count,
                   int16_t* out) {
  static_assert(std::endian::native == std::endian::little);
  for (int x = 0; x < count; ++x, out += kChannels) {  // three values by one product: the sums have 19 bits
    const auto pixels = load<uint64_t>(row + kChannels * first[x]);
    const uint64_t sums =
        spread(pixels) * static_cast<uint64_t>(near[x]) + spread(pixels >> 24) * static_cast<uint64_t>(far[x]);
    for (int c = 0; c < kChannels; ++c) out[c] = static_cast<int16_t>((sums >> (21 * c + 4)) & 0x7fff);
  }
}
#endif

QUENCH_CLONES void blend_rows(const int16_t* upper, const int16_t* lower, int16_t near, int16_t far, int count,
                              uint8_t* out) {
  for (int i = 0; i < count; ++i) {
    const auto above = static_cast<int16_t>((upper[i] * near) >> 16);
    const auto below = static_cast<int16_t>((lower[i] * far) >> 16);
    out[i] = static_cast<uint8_t>(static_cast<int16_t>(above + below + 2) >> 2);
  }
}

QUENCH_CLONES void add_rows(const uint8_t* upper, const uint8_t* lower, int count, uint16_t* sums) {
  for (int i = 0; i < count; ++i) sums[i] = static_cast<uint16_t>(upper[i] + lower[i] + 1);
}

/// sums: of two rows, each with 1 for rounding; reads and writes one value behind a pixel.
QUENCH_CLONES void halve_columns(const uint16_t* sums, int count, uint8_t* out) {
  for (int x = 0; x < count; ++x, sums += 2 * kChannels, out += kChannels) {
    const Words4 sum = (load<Words4>(sums) + load<Words4>(sums + kChannels)) >> 2;
    const Bytes4 mean = __builtin_convertvector(sum, Bytes4);
    std::memcpy(out, &mean, sizeof mean);
  }
}

void pick_columns(const uint8_t* row, const int* first, int count, uint8_t* out) {
  for (int x = 0; x < count; ++x) std::memcpy(out + kChannels * x, row + kChannels * first[x], kChannels);
}

}  // namespace

/// As OpenCV: the scale by way of its inverse, the position in float32, each weight rounded by itself (half to even).
BilinearRows::Axis BilinearRows::make_axis(int source, int resized) {
  Axis axis;
  const double scale = 1.0 / (static_cast<double>(resized) / source);
  for (int i = 0; i < resized; ++i) {
    auto position = static_cast<float>((i + 0.5) * scale - 0.5);
    const auto first = static_cast<int>(std::floor(position));
    position -= static_cast<float>(first);
    axis.first.push_back(first);
    axis.near.push_back(static_cast<int32_t>(std::lrintf((1.f - position) * kWhole)));
    axis.far.push_back(static_cast<int32_t>(std::lrintf(position * kWhole)));
  }
  return axis;
}

/// Columns outside have no weight; rows outside are those of the border, with the weights that they have.
void BilinearRows::clamp_columns() {
  for (size_t i = 0; i < columns_.first.size(); ++i) {
    const bool before = columns_.first[i] < 0, after = columns_.first[i] >= source_width_ - 1;
    if (before || after) {
      columns_.first[i] = before ? 0 : source_width_ - 1;
      columns_.near[i] = static_cast<int32_t>(kWhole);
      columns_.far[i] = 0;
    }
    columns_.picks = columns_.picks && columns_.far[i] == 0;
  }
  // Their two pixels, and the two values behind these, are of the row.
  while (inner_ < width_ && columns_.first[static_cast<size_t>(inner_)] + 2 < source_width_) ++inner_;
}

BilinearRows::BilinearRows(int source_height, int source_width, int height, int width)
    : source_height_(source_height), source_width_(source_width), height_(height), width_(width) {
  const size_t row = static_cast<size_t>(width) * kChannels;
  row_.resize(row + 1);
  if (height == source_height && width == source_width) return;
  if (int64_t{height} * 2 == source_height && int64_t{width} * 2 == source_width) {
    sums_.resize(2 * row + 1);
    return;
  }
  columns_ = make_axis(source_width, width);
  clamp_columns();
  rows_ = make_axis(source_height, height);
  for (std::vector<int16_t>& blended : blended_) blended.resize(row + 1);
}

void BilinearRows::each(const uint8_t* source, const std::function<void(int y, const uint8_t* row)>& take) {
  if (!columns_.first.empty()) return blend(source, take);
  if (!sums_.empty()) return halve(source, take);
  for (int y = 0; y < height_; ++y) take(y, source + ptrdiff_t{kChannels} * source_width_ * y);
}

void BilinearRows::halve(const uint8_t* source, const std::function<void(int y, const uint8_t* row)>& take) {
  const ptrdiff_t below = ptrdiff_t{kChannels} * source_width_;
  for (int y = 0; y < height_; ++y, source += 2 * below) {
    add_rows(source, source + below, static_cast<int>(below), sums_.data());
    halve_columns(sums_.data(), width_, row_.data());
    take(y, row_.data());
  }
}

void BilinearRows::blend(const uint8_t* source, const std::function<void(int y, const uint8_t* row)>& take) {
  const ptrdiff_t source_row = ptrdiff_t{kChannels} * source_width_;
  const auto blend_row = [&](int y, int16_t* out) {
    const uint8_t* row = source + y * source_row;
    blend_columns(row, columns_.first.data(), columns_.near.data(), columns_.far.data(), inner_, out);
    for (int x = inner_; x < width_; ++x) {
      const uint8_t* left = row + ptrdiff_t{kChannels} * columns_.first[x];
      const uint8_t* right = columns_.first[x] < source_width_ - 1 ? left + kChannels : left;
      for (int c = 0; c < kChannels; ++c) {
        const int sum = left[c] * columns_.near[x] + right[c] * columns_.far[x];
        out[kChannels * x + c] = static_cast<int16_t>(sum >> 4);
      }
    }
  };
  int held[2] = {-1, -1};  // the rows of the source that are in blended_
  for (int y = 0; y < height_; ++y) {
    const int32_t near = rows_.near[y], far = rows_.far[y];
    int upper = std::clamp(rows_.first[y], 0, source_height_ - 1);
    int lower = std::clamp(rows_.first[y] + 1, 0, source_height_ - 1);
    if (far == 0) lower = upper;  // what has no weight is not looked at
    if (near == 0) upper = lower;
    if (columns_.picks && upper == lower && near + far == static_cast<int32_t>(kWhole) && (near == 0 || far == 0)) {
      pick_columns(source + upper * source_row, columns_.first.data(), width_, row_.data());
      take(y, row_.data());
      continue;
    }
    if (held[1] == upper) {
      std::swap(blended_[0], blended_[1]);
      std::swap(held[0], held[1]);
    }
    if (held[0] != upper) blend_row(held[0] = upper, blended_[0].data());
    if (held[1] != lower && upper != lower) blend_row(held[1] = lower, blended_[1].data());
    blend_rows(blended_[0].data(), blended_[upper == lower ? 0 : 1].data(), static_cast<int16_t>(near),
               static_cast<int16_t>(far), width_ * kChannels, row_.data());
    take(y, row_.data());
  }
}

void resize_bilinear(const uint8_t* source, int source_height, int source_width, uint8_t* out, int height, int width,
                     ptrdiff_t row_bytes) {
  BilinearRows(source_height, source_width, height, width).each(source, [&](int y, const uint8_t* row) {
    std::memcpy(out + y * row_bytes, row, static_cast<size_t>(width) * kChannels);
  });
}

}  // namespace quench::pixels
