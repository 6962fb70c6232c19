#include "runtime/runtime.h"

#include <array>

#include "core/error.h"

namespace quench::runtime {

namespace {

/// The float nearest to each pixel value / 255.
std::array<float, 256> pixel_values() {
  std::array<float, 256> values;
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(static_cast<double>(i) / 255.0);
  return values;
}

}  // namespace

OwnTiming Session::own_timing(const Tensor&, const OwnTimingRequest&) {
  fail(ErrorKind::internal, "[runtime] this session does not time itself");
}

Tensor to_input(const Tensor& pixels, DType dtype) {
  if (pixels.dtype() != DType::u8) {
    fail(ErrorKind::data, "[runtime.to_input] expected uint8 pixels, got {}", to_string(pixels.dtype()));
  }
  if (dtype == DType::u8) return pixels;
  if (dtype != DType::f32) {
    fail(ErrorKind::data, "[runtime.to_input] expected a session of uint8 or float32 input, got {}", to_string(dtype));
  }
  static const std::array<float, 256> values = pixel_values();
  Tensor out(DType::f32, pixels.shape());
  const auto source = pixels.values<uint8_t>();
  const auto target = out.mutable_values<float>();
  for (size_t i = 0; i < source.size(); ++i) target[i] = values[source[i]];
  return out;
}

void require_input(const Tensor& input, DType dtype, const Shape& image_shape, std::string_view where) {
  bool fits = input.dtype() == dtype && input.shape().size() == image_shape.size() && !image_shape.empty() &&
              input.shape()[0] >= 1;
  for (size_t i = 1; fits && i < image_shape.size(); ++i) fits = input.shape()[i] == image_shape[i];
  if (fits) return;
  Shape wanted = image_shape;
  std::string text = to_string(wanted);
  if (!wanted.empty()) text.replace(1, std::to_string(wanted[0]).size(), "N");
  fail(ErrorKind::data, "[{}] expected input {} {}, got {} {}", where, to_string(dtype), text, to_string(input.dtype()),
       to_string(input.shape()));
}

}  // namespace quench::runtime
