#include "pixels/planes.h"

#include <algorithm>

#include "core/error.h"
#include "pixels/canvas.h"
#include "pixels/target_clones.h"

namespace quench::pixels {
namespace {

constexpr int64_t kPlanes = 3;

QUENCH_CLONES void split_row(const uint8_t* rgb, int64_t count, uint8_t* red, uint8_t* green, uint8_t* blue) {
  for (int64_t x = 0; x < count; ++x) {
    red[x] = rgb[3 * x];
    green[x] = rgb[3 * x + 1];
    blue[x] = rgb[3 * x + 2];
  }
}

// A quotient in float32 is the float nearest to value / 255.
QUENCH_CLONES void split_row(const uint8_t* rgb, int64_t count, float* red, float* green, float* blue) {
  for (int64_t x = 0; x < count; ++x) {
    red[x] = static_cast<float>(rgb[3 * x]) / 255.0f;
    green[x] = static_cast<float>(rgb[3 * x + 1]) / 255.0f;
    blue[x] = static_cast<float>(rgb[3 * x + 2]) / 255.0f;
  }
}

void require_input(const Tensor& input, int64_t height, int64_t width) {
  const bool fits = input.dtype() == DType::u8 || input.dtype() == DType::f32;
  ensure(fits && input.shape() == Shape{1, kPlanes, height, width},
         "[pixels.planes] expected an input [1,3,{},{}] of uint8 or float32, got {} {}", height, width,
         to_string(input.dtype()), to_string(input.shape()));
}

template <typename T>
void fill_planes(BilinearRows& rows, const uint8_t* source, const Letterbox& fitted, T padding, T* planes) {
  const int64_t width = fitted.canvas_width, plane = fitted.canvas_height * width;
  const int64_t first = fitted.top * width, end = (fitted.top + fitted.height) * width;
  for (int64_t p = 0; p < kPlanes; ++p) {
    T* to = planes + p * plane;
    std::fill(to, to + first, padding);
    std::fill(to + end, to + plane, padding);
    if (fitted.width == width) continue;
    for (int64_t row = first; row < end; row += width) {
      std::fill(to + row, to + row + fitted.left, padding);
      std::fill(to + row + fitted.left + fitted.width, to + row + width, padding);
    }
  }
  T* inside = planes + first + fitted.left;
  rows.each(source, [&](int y, const uint8_t* row) {
    T* to = inside + y * width;
    split_row(row, fitted.width, to, to + plane, to + 2 * plane);
  });
}

}  // namespace

void split_planes(const uint8_t* rgb, int64_t count, uint8_t* planes) {
  split_row(rgb, count, planes, planes + count, planes + 2 * count);
}

void to_planes(const Tensor& image, Tensor& input) {
  Shape shape = image.shape();
  if (shape.size() == 4 && shape[0] == 1) shape.erase(shape.begin());
  ensure(image.dtype() == DType::u8 && shape.size() == 3 && shape[2] == kPlanes,
         "[pixels.planes] expected a uint8 image [H,W,3], got {} {}", to_string(image.dtype()),
         to_string(image.shape()));
  require_input(input, shape[0], shape[1]);
  const uint8_t* rgb = image.values<uint8_t>().data();
  const int64_t count = shape[0] * shape[1];
  if (input.dtype() == DType::u8) return split_planes(rgb, count, input.mutable_values<uint8_t>().data());
  float* planes = input.mutable_values<float>().data();
  split_row(rgb, count, planes, planes + count, planes + 2 * count);
}

void CanvasPlanes::fill(const Tensor& pixels, const Letterbox& fitted, Tensor& input) {
  ensure(pixels.dtype() == DType::u8 && pixels.shape() == Shape{fitted.image_height, fitted.image_width, kPlanes},
         "[pixels.planes] expected uint8 pixels [{},{},3], got {} {}", fitted.image_height, fitted.image_width,
         to_string(pixels.dtype()), to_string(pixels.shape()));
  require_input(input, fitted.canvas_height, fitted.canvas_width);
  if (!rows_ || !rows_->is_of(fitted.image_height, fitted.image_width, fitted.height, fitted.width)) {
    rows_ = std::make_unique<BilinearRows>(fitted.image_height, fitted.image_width, fitted.height, fitted.width);
  }
  const uint8_t* source = pixels.values<uint8_t>().data();
  if (input.dtype() == DType::u8) {
    fill_planes(*rows_, source, fitted, kPadding, input.mutable_values<uint8_t>().data());
  } else {
    fill_planes(*rows_, source, fitted, static_cast<float>(kPadding) / 255.0f, input.mutable_values<float>().data());
  }
}

}  // namespace quench::pixels
