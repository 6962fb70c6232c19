#include "data/sets/scene_paint.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "pixels/target_clones.h"

namespace quench::data {
namespace {

constexpr int kWeightBits = 8;
constexpr int kOne = 1 << kWeightBits;
constexpr double kPi = 3.14159265358979;

QUENCH_CLONES void blend_rows(const uint16_t* a, const uint16_t* b, uint32_t weight_b, int count, uint8_t* out) {
  const uint32_t weight_a = kOne - weight_b;
  for (int i = 0; i < count; ++i) out[i] = static_cast<uint8_t>((a[i] * weight_a + b[i] * weight_b + 32768) >> 16);
}

/// row += stripes + lift + grain * strength / 128, within [0,255].
QUENCH_CLONES void modulate(const int16_t* stripes, int lift, const int8_t* grain, int strength, int count,
                            uint8_t* row) {
  for (int i = 0; i < count; ++i) {
    const auto noise = static_cast<int16_t>(static_cast<int16_t>(grain[i] * strength) >> 7);
    const auto value = static_cast<int16_t>(row[i] + stripes[i] + lift + noise);
    row[i] = static_cast<uint8_t>(std::clamp<int16_t>(value, 0, 255));
  }
}

/// Where each output of an axis comes from: sources first and first + 1, the second with `weight` of kOne.
struct Tap {
  int first;
  int weight;
};

std::vector<Tap> taps_of(int source, int resized) {
  std::vector<Tap> taps(static_cast<size_t>(resized));
  for (int64_t i = 0; i < resized; ++i) {
    // ((i + 0.5) * source / resized - 0.5) * kOne, rounded, in integers.
    const int64_t position = ((2 * i + 1) * source - resized) * kOne;
    const int64_t fixed = (position + resized) / (2 * resized);
    const int64_t inside = std::clamp<int64_t>(fixed, 0, int64_t{source - 1} * kOne);
    const int64_t first = std::min<int64_t>(inside / kOne, std::max(0, source - 2));
    taps[static_cast<size_t>(i)] = {static_cast<int>(first), static_cast<int>(inside - first * kOne)};
  }
  return taps;
}

void widen_row(const uint8_t* source, int source_width, const std::vector<Tap>& columns, uint16_t* out) {
  const int step = source_width > 1 ? 3 : 0;
  for (const Tap& tap : columns) {
    const uint8_t* a = source + 3 * tap.first;
    for (int c = 0; c < 3; ++c) *out++ = static_cast<uint16_t>(a[c] * (kOne - tap.weight) + a[c + step] * tap.weight);
  }
}

using Color = std::array<int, 3>;

Color random_color(Rng& rng) {
  Color color{};
  for (int& channel : color) channel = 16 + static_cast<int>(rng.below(224));
  return color;
}

/// A small picture that is drawn over the whole canvas, so that its pixels melt.
struct Coarse {
  explicit Coarse(int side) : side(side), pixels(static_cast<size_t>(side) * side * 3) {}
  void set(int x, int y, const Color& color) {
    for (int c = 0; c < 3; ++c) {
      pixels[static_cast<size_t>((y * side + x) * 3 + c)] = static_cast<uint8_t>(std::clamp(color[c], 0, 255));
    }
  }
  int side;
  std::vector<uint8_t> pixels;
};

Coarse gradient(Rng& rng) {
  Coarse out(2);
  for (int i = 0; i < 4; ++i) out.set(i % 2, i / 2, random_color(rng));
  return out;
}

/// Random blends of two colours on a grid.
Coarse clouds(Rng& rng, int side, int contrast) {
  Coarse out(side);
  const Color base = random_color(rng);
  Color change{};
  for (int& channel : change) channel = static_cast<int>(rng.below(2 * contrast + 1)) - contrast;
  for (int i = 0; i < side * side; ++i) {
    const int share = static_cast<int>(rng.below(257));
    Color color{};
    for (int c = 0; c < 3; ++c) color[c] = base[c] + change[c] * share / 256;
    out.set(i % side, i / side, color);
  }
  return out;
}

/// Means of the photo's fields.
Coarse blurred(const uint8_t* photo, int photo_side, int side) {
  Coarse out(side);
  for (int i = 0; i < side * side; ++i) {
    const int x0 = i % side * photo_side / side, x1 = (i % side + 1) * photo_side / side;
    const int y0 = i / side * photo_side / side, y1 = (i / side + 1) * photo_side / side;
    Color sum{};
    for (int y = y0; y < y1; ++y) {
      for (int x = x0; x < x1; ++x) {
        for (int c = 0; c < 3; ++c) sum[c] += photo[(y * photo_side + x) * 3 + c];
      }
    }
    for (int& channel : sum) channel /= std::max(1, (x1 - x0) * (y1 - y0));
    out.set(i % side, i / side, sum);
  }
  return out;
}

/// A bit of the photo, mirrored again and again.
Coarse mirrored(Rng& rng, const uint8_t* photo, int photo_side, int bit, int side) {
  Coarse out(side);
  const int x0 = static_cast<int>(rng.below(photo_side - bit + 1)),
            y0 = static_cast<int>(rng.below(photo_side - bit + 1));
  const auto fold = [&](int i) { return i % (2 * bit) < bit ? i % (2 * bit) : 2 * bit - 1 - i % (2 * bit); };
  for (int y = 0; y < side; ++y) {
    for (int x = 0; x < side; ++x) {
      const uint8_t* in = photo + ((y0 + fold(y)) * photo_side + x0 + fold(x)) * 3;
      out.set(x, y, {in[0], in[1], in[2]});
    }
  }
  return out;
}

Coarse coarse_picture(Rng& rng, const uint8_t* photo, int photo_side) {
  switch (rng.below(5)) {
    case 0: return gradient(rng);
    case 1: return clouds(rng, 3 + static_cast<int>(rng.below(5)), 120);
    case 2: return clouds(rng, 12 + static_cast<int>(rng.below(29)), 60);
    case 3: return blurred(photo, photo_side, 3 + static_cast<int>(rng.below(3)));
    default: {
      const int bit = std::min(photo_side, 3 + static_cast<int>(rng.below(4)));
      return mirrored(rng, photo, photo_side, bit, 12 + static_cast<int>(rng.below(21)));
    }
  }
}

/// Stripes over the canvas, upright or aslant (a row is shifted from the one before), or lying; or none.
class Stripes {
 public:
  Stripes(Rng& rng, int side) : side_(side), row_(static_cast<size_t>(6 * side + 3), 0), lift_(side, 0) {
    if (!rng.chance(0.3)) return;
    const double strength = rng.uniform(6, 30), wave = 2 * kPi / rng.uniform(6, 60), start = rng.uniform(0, 2 * kPi);
    const auto value = [&](int i) { return static_cast<int16_t>(std::lround(strength * std::sin(wave * i + start))); };
    if (rng.chance(0.3)) {
      for (int y = 0; y < side; ++y) lift_[static_cast<size_t>(y)] = value(y);
      return;
    }
    slope_ = rng.uniform(-1, 1);
    for (int x = 0; x <= 2 * side; ++x) {
      for (int c = 0; c < 3; ++c) row_[static_cast<size_t>(3 * x + c)] = value(x);
    }
  }
  const int16_t* row(int y) const {
    const int shift = static_cast<int>(slope_ < 0 ? side_ + y * slope_ : y * slope_);  // 0..side
    return row_.data() + 3 * shift;
  }
  int lift(int y) const { return lift_[static_cast<size_t>(y)]; }

 private:
  int side_;
  double slope_ = 0;
  std::vector<int16_t> row_;
  std::vector<int16_t> lift_;
};

void paint_card(Rng& rng, const Canvas& canvas) {
  const int least = std::max(1, canvas.side / 16), most = std::max(2, canvas.side * 2 / 5);
  const int width = least + static_cast<int>(rng.below(most - least + 1));
  const int height = least + static_cast<int>(rng.below(most - least + 1));
  const int left = static_cast<int>(rng.below(canvas.side - width + 1));
  const int top = static_cast<int>(rng.below(canvas.side - height + 1));
  const Color color = random_color(rng);
  for (int y = top; y < top + height; ++y) {
    uint8_t* out = canvas.pixels + (static_cast<size_t>(y) * canvas.side + left) * 3;
    for (int x = 0; x < width; ++x, out += 3) {
      for (int c = 0; c < 3; ++c) out[c] = static_cast<uint8_t>(color[c]);
    }
  }
}

}  // namespace

void paint_picture(const uint8_t* picture, int picture_height, int picture_width, const Canvas& canvas, int left,
                   int top, int width, int height) {
  const std::vector<Tap> columns = taps_of(picture_width, width), rows = taps_of(picture_height, height);
  const size_t count = static_cast<size_t>(width) * 3;
  std::vector<uint16_t> wide(2 * count);
  int held[2] = {-1, -1};  // which source rows the two halves of `wide` are
  const auto row = [&](int source) {
    const int half = source % 2;
    uint16_t* out = wide.data() + half * count;
    if (held[half] != source) {
      widen_row(picture + static_cast<size_t>(source) * picture_width * 3, picture_width, columns, out);
      held[half] = source;
    }
    return out;
  };
  for (int y = 0; y < height; ++y) {
    const Tap& tap = rows[static_cast<size_t>(y)];
    const uint16_t* a = row(tap.first);
    const uint16_t* b = picture_height > 1 ? row(tap.first + 1) : a;
    uint8_t* out = canvas.pixels + (static_cast<size_t>(top + y) * canvas.side + left) * 3;
    blend_rows(a, b, static_cast<uint32_t>(tap.weight), static_cast<int>(count), out);
  }
}

std::vector<int8_t> grain_table(uint64_t seed) {
  Rng rng(seed, "scenes.grain");
  std::vector<int8_t> table(1 << 16);
  for (int8_t& value : table) value = static_cast<int8_t>(static_cast<int>(rng.below(255)) - 127);
  return table;
}

void paint_background(Rng& rng, const uint8_t* photo, int photo_side, const std::vector<int8_t>& grain,
                      const Canvas& canvas) {
  const Coarse coarse = coarse_picture(rng, photo, photo_side);
  paint_picture(coarse.pixels.data(), coarse.side, coarse.side, canvas, 0, 0, canvas.side, canvas.side);
  for (uint64_t cards = rng.below(4); cards > 0; --cards) paint_card(rng, canvas);
  const Stripes stripes(rng, canvas.side);
  const int strength = rng.chance(0.6) ? static_cast<int>(rng.below(28)) : 0;
  const int count = 3 * canvas.side;
  for (int y = 0; y < canvas.side; ++y) {
    const int8_t* noise = grain.data() + rng.below(grain.size() - static_cast<size_t>(count));
    modulate(stripes.row(y), stripes.lift(y), noise, strength, count, canvas.pixels + static_cast<size_t>(y) * count);
  }
}

}  // namespace quench::data
