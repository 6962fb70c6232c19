#include "data/pictures/picture.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

namespace quench::data {
namespace {

using Table = std::array<uint8_t, 256>;
using Histogram = std::array<int, 256>;

void look_up(Picture& picture, const Table& table) {
  for (uint8_t& value : picture.pixels) value = table[value];
}

void look_up(Picture& picture, const std::array<Table, 3>& tables) {
  for (size_t i = 0; i + 2 < picture.pixels.size(); i += 3) {
    for (size_t c = 0; c < 3; ++c) picture.pixels[i + c] = tables[c][picture.pixels[i + c]];
  }
}

/// from + factor * (to - from), cut to [0,255] and rounded towards zero, as PIL's Image.blend.
uint8_t blend(float from, float to, float factor) {
  return static_cast<uint8_t>(std::clamp(from + factor * (to - from), 0.f, 255.f));
}

int gray(const uint8_t* rgb) { return (rgb[0] * 19595 + rgb[1] * 38470 + rgb[2] * 7471 + 0x8000) >> 16; }

void blend_with(Picture& picture, int other, double factor) {
  Table table;
  for (int i = 0; i < 256; ++i) {
    table[static_cast<size_t>(i)] = blend(static_cast<float>(other), static_cast<float>(i), static_cast<float>(factor));
  }
  look_up(picture, table);
}

std::array<Histogram, 3> histograms(const Picture& picture) {
  std::array<Histogram, 3> counts{};
  for (size_t i = 0; i + 2 < picture.pixels.size(); i += 3) {
    for (size_t c = 0; c < 3; ++c) ++counts[c][picture.pixels[i + c]];
  }
  return counts;
}

Table identity() {
  Table table;
  for (size_t i = 0; i < 256; ++i) table[i] = static_cast<uint8_t>(i);
  return table;
}

Table stretched(const Histogram& counts) {
  Table table = identity();
  int low = 0, high = 255;
  while (low < 255 && !counts[static_cast<size_t>(low)]) ++low;
  while (high > 0 && !counts[static_cast<size_t>(high)]) --high;
  if (high <= low) return table;
  const double scale = 255.0 / (high - low);
  for (int i = 0; i < 256; ++i) {
    table[static_cast<size_t>(i)] = static_cast<uint8_t>(std::clamp(i * scale - low * scale, 0.0, 255.0));
  }
  return table;
}

Table equalized(const Histogram& counts) {
  Table table = identity();
  int total = 0, last = 0, used = 0;
  for (int count : counts) {
    if (!count) continue;
    total += count;
    last = count;
    ++used;
  }
  const int step = (total - last) / 255;
  if (used <= 1 || step == 0) return table;
  int sum = step / 2;
  for (size_t i = 0; i < 256; ++i) {
    table[i] = static_cast<uint8_t>(std::min(sum / step, 255));
    sum += counts[i];
  }
  return table;
}

}  // namespace

void warp(Picture& picture, const Affine& inverse, std::vector<uint8_t>& scratch) {
  scratch.assign(picture.pixels.size(), 0);
  uint8_t* out = scratch.data();
  for (int y = 0; y < picture.height; ++y) {
    double source_x = inverse.a * 0.5 + inverse.b * (y + 0.5) + inverse.c;
    double source_y = inverse.d * 0.5 + inverse.e * (y + 0.5) + inverse.f;
    for (int x = 0; x < picture.width; ++x, out += 3, source_x += inverse.a, source_y += inverse.d) {
      if (source_x < 0 || source_y < 0 || source_x >= picture.width || source_y >= picture.height) continue;
      const int from = static_cast<int>(source_y) * picture.width + static_cast<int>(source_x);
      std::memcpy(out, picture.pixels.data() + 3 * static_cast<int64_t>(from), 3);
    }
  }
  picture.pixels.swap(scratch);
}

Affine rotation(double degrees, int height, int width) {
  const double angle = degrees * M_PI / 180, cos = std::cos(angle), sin = std::sin(angle);
  const double cx = width / 2.0, cy = height / 2.0;
  return {cos, -sin, cx - cos * cx + sin * cy, sin, cos, cy - sin * cx - cos * cy};
}

void adjust_brightness(Picture& picture, double factor) { blend_with(picture, 0, factor); }

void adjust_color(Picture& picture, double factor) {
  for (size_t i = 0; i + 2 < picture.pixels.size(); i += 3) {
    uint8_t* rgb = picture.pixels.data() + i;
    const auto other = static_cast<float>(gray(rgb));
    for (int c = 0; c < 3; ++c) rgb[c] = blend(other, static_cast<float>(rgb[c]), static_cast<float>(factor));
  }
}

void adjust_contrast(Picture& picture, double factor) {
  int64_t sum = 0;
  for (size_t i = 0; i + 2 < picture.pixels.size(); i += 3) sum += gray(picture.pixels.data() + i);
  const double pixels = std::max<double>(1.0, static_cast<double>(picture.pixels.size()) / 3);
  blend_with(picture, static_cast<int>(static_cast<double>(sum) / pixels + 0.5), factor);
}

void adjust_sharpness(Picture& picture, double factor, std::vector<uint8_t>& scratch) {
  scratch = picture.pixels;  // the border stays
  const int stride = 3 * picture.width;
  for (int y = 1; y + 1 < picture.height; ++y) {
    const uint8_t* in = picture.pixels.data() + static_cast<int64_t>(y) * stride;
    uint8_t* out = scratch.data() + static_cast<int64_t>(y) * stride;
    for (int i = 3; i < stride - 3; ++i) {
      int sum = 5 * in[i] + in[i - 3] + in[i + 3];
      for (int row : {-stride, stride}) sum += in[i + row - 3] + in[i + row] + in[i + row + 3];
      const auto smooth = static_cast<float>((sum * 2 + 13) / 26);  // of 13, half up
      out[i] = blend(smooth, static_cast<float>(in[i]), static_cast<float>(factor));
    }
  }
  picture.pixels.swap(scratch);
}

void posterize(Picture& picture, int bits) {
  const auto mask = static_cast<uint8_t>(0xff << (8 - std::clamp(bits, 0, 8)));
  for (uint8_t& value : picture.pixels) value &= mask;
}

void solarize(Picture& picture, double threshold) {
  for (uint8_t& value : picture.pixels) value = value < threshold ? value : static_cast<uint8_t>(255 - value);
}

void autocontrast(Picture& picture) {
  const auto counts = histograms(picture);
  look_up(picture, std::array<Table, 3>{stretched(counts[0]), stretched(counts[1]), stretched(counts[2])});
}

void equalize(Picture& picture) {
  const auto counts = histograms(picture);
  look_up(picture, std::array<Table, 3>{equalized(counts[0]), equalized(counts[1]), equalized(counts[2])});
}

}  // namespace quench::data
