#include "pixels/resize.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "pixels/target_clones.h"

namespace quench::pixels {
namespace {

constexpr int kChannels = 3;
constexpr float kWhole = 2048;  ///< weights have 11 bits

/// Where the samples of one axis come from: of the sources first[i] and first[i] + 1, with the weights near[i], far[i].
struct Axis {
  std::vector<int> first;
  std::vector<int16_t> near, far;
};

/// As OpenCV: the scale by way of its inverse, the position in float32, each weight rounded by itself (half to even).
Axis make_axis(int source, int resized) {
  Axis axis;
  const double scale = 1.0 / (static_cast<double>(resized) / source);
  for (int i = 0; i < resized; ++i) {
    auto position = static_cast<float>((i + 0.5) * scale - 0.5);
    const auto first = static_cast<int>(std::floor(position));
    position -= static_cast<float>(first);
    axis.first.push_back(first);
    axis.near.push_back(static_cast<int16_t>(std::lrintf((1.f - position) * kWhole)));
    axis.far.push_back(static_cast<int16_t>(std::lrintf(position * kWhole)));
  }
  return axis;
}

/// Columns outside have no weight; rows outside are those of the border, with the weights that they have.
void clamp_columns(Axis& axis, int source) {
  for (size_t i = 0; i < axis.first.size(); ++i) {
    const bool before = axis.first[i] < 0, after = axis.first[i] >= source - 1;
    if (!before && !after) continue;
    axis.first[i] = before ? 0 : source - 1;
    axis.near[i] = static_cast<int16_t>(kWhole);
    axis.far[i] = 0;
  }
}

/// One row of the source at the columns of the output, without the lowest 4 of 11 bits.
void blend_columns(const uint8_t* row, const Axis& columns, int source_width, int16_t* out) {
  const size_t count = columns.first.size();
  for (size_t x = 0; x < count; ++x, out += kChannels) {
    const uint8_t* left = row + kChannels * columns.first[x];
    const uint8_t* right = columns.first[x] < source_width - 1 ? left + kChannels : left;
    const int near = columns.near[x], far = columns.far[x];
    for (int c = 0; c < kChannels; ++c) out[c] = static_cast<int16_t>((left[c] * near + right[c] * far) >> 4);
  }
}

QUENCH_CLONES void blend_rows(const int16_t* upper, const int16_t* lower, int near, int far, int count, uint8_t* out) {
  for (int i = 0; i < count; ++i) {
    out[i] = static_cast<uint8_t>((((upper[i] * near) >> 16) + ((lower[i] * far) >> 16) + 2) >> 2);
  }
}

void halve(const uint8_t* source, int source_width, uint8_t* out, int height, int width, ptrdiff_t row_bytes) {
  const ptrdiff_t below = ptrdiff_t{kChannels} * source_width;
  for (int y = 0; y < height; ++y, source += 2 * below, out += row_bytes) {
    for (int x = 0; x < width; ++x) {
      const uint8_t* from = source + 2 * kChannels * x;
      for (int c = 0; c < kChannels; ++c) {
        const int sum = from[c] + from[c + kChannels] + from[c + below] + from[c + below + kChannels];
        out[kChannels * x + c] = static_cast<uint8_t>((sum + 2) >> 2);
      }
    }
  }
}

}  // namespace

void resize_bilinear(const uint8_t* source, int source_height, int source_width, uint8_t* out, int height, int width,
                     ptrdiff_t row_bytes) {
  const ptrdiff_t source_row = ptrdiff_t{kChannels} * source_width;
  if (height == source_height && width == source_width) {
    for (int y = 0; y < height; ++y) {
      std::memcpy(out + y * row_bytes, source + y * source_row, static_cast<size_t>(source_row));
    }
    return;
  }
  if (int64_t{height} * 2 == source_height && int64_t{width} * 2 == source_width) {
    return halve(source, source_width, out, height, width, row_bytes);
  }
  Axis columns = make_axis(source_width, width);
  clamp_columns(columns, source_width);
  const Axis rows = make_axis(source_height, height);
  const auto row_size = static_cast<size_t>(width) * kChannels;
  std::vector<int16_t> blended[2] = {std::vector<int16_t>(row_size), std::vector<int16_t>(row_size)};
  int held[2] = {-1, -1};  // the rows of the source that are in `blended`
  for (int y = 0; y < height; ++y, out += row_bytes) {
    const int wanted[2] = {std::clamp(rows.first[y], 0, source_height - 1),
                           std::clamp(rows.first[y] + 1, 0, source_height - 1)};
    if (held[1] == wanted[0] && held[0] != wanted[0]) {
      std::swap(blended[0], blended[1]);
      std::swap(held[0], held[1]);
    }
    for (int i = 0; i < 2; ++i) {
      if (held[i] == wanted[i]) continue;
      blend_columns(source + wanted[i] * source_row, columns, source_width, blended[i].data());
      held[i] = wanted[i];
    }
    blend_rows(blended[0].data(), blended[1].data(), rows.near[y], rows.far[y], static_cast<int>(row_size), out);
  }
}

}  // namespace quench::pixels
