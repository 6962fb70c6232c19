#include "core/letterbox.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace quench {
namespace {

void check(int image_height, int image_width, int canvas_height, int canvas_width) {
  if (std::min({image_height, image_width, canvas_height, canvas_width}) >= 1) return;
  fail(ErrorKind::data, "[core.letterbox] expected sizes of 1 or more, got an image of {}x{} for {}x{}", image_height,
       image_width, canvas_height, canvas_width);
}

/// The image resized, still without a canvas. nearbyint: half to even, which the originals' round() is too.
Letterbox resized(int image_height, int image_width, double gain) {
  Letterbox box;
  box.image_height = image_height;
  box.image_width = image_width;
  box.gain = gain;
  box.height = std::max(1, static_cast<int>(std::nearbyint(image_height * gain)));
  box.width = std::max(1, static_cast<int>(std::nearbyint(image_width * gain)));
  return box;
}

void centre(Letterbox& box, int canvas_height, int canvas_width) {
  box.canvas_height = canvas_height;
  box.canvas_width = canvas_width;
  box.top = (canvas_height - box.height) / 2;  // the originals' round(padding / 2 - 0.1)
  box.left = (canvas_width - box.width) / 2;
}

int round_up(int value, int multiple) { return (value + multiple - 1) / multiple * multiple; }

}  // namespace

Box Letterbox::to_canvas(const Box& box) const {
  return {box.x1 * gain + left, box.y1 * gain + top, box.x2 * gain + left, box.y2 * gain + top};
}

Box Letterbox::to_image(const Box& box) const {
  const auto x = [this](double value) { return std::clamp<double>((value - left) / gain, 0, image_width); };
  const auto y = [this](double value) { return std::clamp<double>((value - top) / gain, 0, image_height); };
  return {x(box.x1), y(box.y1), x(box.x2), y(box.y2)};
}

Letterbox letterbox(int image_height, int image_width, int canvas_height, int canvas_width, bool enlarge) {
  check(image_height, image_width, canvas_height, canvas_width);
  double gain = std::min(static_cast<double>(canvas_height) / image_height,  //
                         static_cast<double>(canvas_width) / image_width);
  if (!enlarge) gain = std::min(gain, 1.0);
  Letterbox box = resized(image_height, image_width, gain);
  centre(box, canvas_height, canvas_width);
  return box;
}

Letterbox rect_letterbox(int image_height, int image_width, int side, int multiple) {
  check(image_height, image_width, side, multiple);
  Letterbox box = resized(image_height, image_width, static_cast<double>(side) / std::max(image_height, image_width));
  centre(box, round_up(box.height, multiple), round_up(box.width, multiple));
  return box;
}

}  // namespace quench
