#include "pixels/fit.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/error.h"
#include "pixels/shaped.h"
#include "pixels/target_clones.h"

namespace quench::pixels {
namespace {

constexpr int kWeightBits = 11;
constexpr int kOne = 1 << kWeightBits;

QUENCH_CLONES void blend_rows(const uint8_t* near, const uint8_t* far, int count, uint16_t* out) {
  for (int i = 0; i < count; ++i) out[i] = static_cast<uint16_t>(3 * near[i] + far[i]);
}

/// values: count + 6 of them, from 3 before the first on.
QUENCH_CLONES void blend_columns(const uint16_t* values, int count, uint8_t* even, uint8_t* odd) {
  for (int i = 0; i < count; ++i) {
    const auto middle = static_cast<uint16_t>(3 * values[i + 3] + 8);
    even[i] = static_cast<uint8_t>(static_cast<uint16_t>(middle + values[i]) >> 4);
    odd[i] = static_cast<uint8_t>(static_cast<uint16_t>(middle + values[i + 6]) >> 4);
  }
}

QUENCH_CLONES void weigh_rows(const uint8_t* a, const uint8_t* b, int wa, int wb, int count, int32_t* out) {
  for (int i = 0; i < count; ++i) out[i] = a[i] * wa + b[i] * wb;
}

QUENCH_CLONES void add_row(const uint8_t* row, float weight, int count, float* sum) {
  for (int i = 0; i < count; ++i) sum[i] += weight * static_cast<float>(row[i]);
}

}  // namespace

Fitter::Axis Fitter::make_axis(int source, int resized) const {
  Axis axis;
  const double scale = static_cast<double>(source) / resized;
  const int offset = (resized - imgsz_) / 2;
  if (source <= resized) {
    axis.taps = 2;
    for (int i = 0; i < imgsz_; ++i) {
      const double position = (i + offset + 0.5) * scale - 0.5;
      const int left = static_cast<int>(std::floor(position));
      const int first = std::clamp(left, 0, std::max(0, source - 2));
      const auto right_weight = static_cast<int16_t>(std::lround((position - left) * kOne));
      int16_t weight = right_weight;  // of first + 1
      if (left < first) weight = 0;   // border replicated
      if (left > first) weight = kOne;
      if (source == 1) weight = 0;
      axis.first.push_back(first);
      axis.fixed.push_back(static_cast<int16_t>(kOne - weight));
      axis.fixed.push_back(weight);
    }
    return axis;
  }
  axis.taps = std::min(source, static_cast<int>(std::ceil(scale)) + 1);
  axis.weights.assign(static_cast<size_t>(imgsz_) * axis.taps, 0.f);
  for (int i = 0; i < imgsz_; ++i) {
    const double begin = (i + offset) * scale, end = std::min<double>(begin + scale, source);
    const int first = std::clamp(static_cast<int>(begin), 0, source - axis.taps);
    axis.first.push_back(first);
    for (int t = 0; t < axis.taps; ++t) {
      const double cover = std::min<double>(end, first + t + 1) - std::max<double>(begin, first + t);
      axis.weights[static_cast<size_t>(i) * axis.taps + t] = static_cast<float>(std::max(0.0, cover) / (end - begin));
    }
  }
  return axis;
}

void Fitter::prepare(int height, int width) {
  ensure(height > 0 && width > 0 && imgsz_ > 0, "[pixels.fit] expected sizes above 0, got {}x{} to {}", height, width,
         imgsz_);
  if (height == height_ && width == width_) return;
  const int shorter = std::min(height, width);
  const auto resized = [&](int side) {
    return static_cast<int>((static_cast<int64_t>(side) * imgsz_ * 2 + shorter) / (2 * static_cast<int64_t>(shorter)));
  };
  rows_ = make_axis(height, resized(height));
  columns_ = make_axis(width, resized(width));
  height_ = height;
  width_ = width;
}

void Fitter::fit(const uint8_t* source, int height, int width, uint8_t* out) {
  if (!preparation_.is_own()) return fit_shaped(source, height, width, preparation_, imgsz_, out);
  if (height == imgsz_ && width == imgsz_) {
    std::memcpy(out, source, static_cast<size_t>(height) * width * 3);
    return;
  }
  prepare(height, width);
  if (height == width && 2 * height == imgsz_) return enlarge_double(source, height, out);
  if (std::min(height, width) <= imgsz_) return enlarge(source, width, out);
  shrink(source, width, out);
}

// Twice the size: weights are 3/4 and 1/4 everywhere, so 16-bit integers are exact.
void Fitter::enlarge_double(const uint8_t* source, int side, uint8_t* out) {
  const int row = 3 * side;
  integers_.resize(static_cast<size_t>(row + 6) / 2 + 1);
  bytes_.resize(2 * static_cast<size_t>(row + 4));
  auto* values = reinterpret_cast<uint16_t*>(integers_.data());
  uint8_t* even = bytes_.data();
  uint8_t* odd = even + row + 4;
  for (int y = 0; y < imgsz_; ++y) {
    const int near = y / 2;
    const int far = std::clamp(y % 2 ? near + 1 : near - 1, 0, side - 1);
    blend_rows(source + near * row, source + far * row, row, values + 3);
    for (int c = 0; c < 3; ++c) {
      values[c] = values[3 + c];
      values[row + 3 + c] = values[row + c];
    }
    blend_columns(values, row, even, odd);
    for (int x = 0; x + 1 < side; ++x, out += 6) {  // four bytes at a time: the fourth is overwritten by the next
      std::memcpy(out, even + 3 * x, 4);
      std::memcpy(out + 3, odd + 3 * x, 4);
    }
    std::memcpy(out, even + row - 3, 3);
    std::memcpy(out + 3, odd + row - 3, 3);
    out += 6;
  }
}

void Fitter::enlarge(const uint8_t* source, int width, uint8_t* out) {
  integers_.resize(static_cast<size_t>(width) * 3 + 3);
  const int next_column = width > 1 ? 3 : 0;
  for (int y = 0; y < imgsz_; ++y) {
    const uint8_t* upper = source + static_cast<int64_t>(rows_.first[y]) * width * 3;
    const uint8_t* lower = height_ > 1 ? upper + static_cast<int64_t>(width) * 3 : upper;
    weigh_rows(upper, lower, rows_.fixed[2 * y], rows_.fixed[2 * y + 1], width * 3, integers_.data());
    for (int x = 0; x < imgsz_; ++x, out += 3) {
      const int32_t* left = integers_.data() + 3 * columns_.first[x];
      const int32_t wl = columns_.fixed[2 * x], wr = columns_.fixed[2 * x + 1];
      for (int c = 0; c < 3; ++c) {
        const int32_t sum = left[c] * wl + left[c + next_column] * wr;
        out[c] = static_cast<uint8_t>((sum + (1 << (2 * kWeightBits - 1))) >> (2 * kWeightBits));
      }
    }
  }
}

void Fitter::shrink(const uint8_t* source, int width, uint8_t* out) {
  // Of the columns those that are looked at.
  const int first = columns_.first.front(), count = 3 * (columns_.first.back() + columns_.taps - first);
  floats_.resize(static_cast<size_t>(width) * 3);
  for (int y = 0; y < imgsz_; ++y) {
    std::fill_n(floats_.begin() + 3 * first, count, 0.f);
    for (int t = 0; t < rows_.taps; ++t) {
      const float weight = rows_.weights[static_cast<size_t>(y) * rows_.taps + t];
      if (weight == 0) continue;
      add_row(source + (static_cast<int64_t>(rows_.first[y] + t) * width + first) * 3, weight, count,
              floats_.data() + 3 * first);
    }
    for (int x = 0; x < imgsz_; ++x, out += 3) {
      const float* in = floats_.data() + 3 * columns_.first[x];
      const float* weights = columns_.weights.data() + static_cast<size_t>(x) * columns_.taps;
      float sum[3] = {0.5f, 0.5f, 0.5f};
      for (int t = 0; t < columns_.taps; ++t) {
        for (int c = 0; c < 3; ++c) sum[c] += weights[t] * in[3 * t + c];
      }
      for (int c = 0; c < 3; ++c) out[c] = static_cast<uint8_t>(std::min(sum[c], 255.f));
    }
  }
}

Tensor fit_image(const Tensor& pixels, int imgsz, const Preparation& preparation) {
  const Shape& shape = pixels.shape();
  if (shape.size() != 3 || shape[2] != 3 || pixels.dtype() != DType::u8 || pixels.empty()) {
    fail(ErrorKind::data, "[pixels.fit] expected uint8 pixels [h,w,3], got {} {}", to_string(pixels.dtype()),
         to_string(shape));
  }
  if (imgsz < 1) fail(ErrorKind::config, "[pixels.fit] expected imgsz of 1 or more, got {}", imgsz);
  check(preparation);
  if (shape[0] == imgsz && shape[1] == imgsz && preparation.is_own()) return pixels;
  Tensor out(DType::u8, {imgsz, imgsz, 3});
  Fitter(imgsz, preparation)
      .fit(pixels.values<uint8_t>().data(), static_cast<int>(shape[0]), static_cast<int>(shape[1]),
           out.mutable_values<uint8_t>().data());
  return out;
}

}  // namespace quench::pixels
