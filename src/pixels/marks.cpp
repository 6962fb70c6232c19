#include "pixels/marks.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/utf8.h"
#include "pixels/font.h"

namespace quench::pixels {
namespace {

/// Whole pixels: [left, right) x [top, bottom).
struct Area {
  int left = 0, top = 0, right = 0, bottom = 0;
};

class Canvas {
 public:
  explicit Canvas(Tensor& pixels)
      : height_(static_cast<int>(pixels.shape()[0])),
        width_(static_cast<int>(pixels.shape()[1])),
        pixels_(pixels.mutable_values<uint8_t>().data()) {}

  int height() const { return height_; }
  int width() const { return width_; }

  /// What lies outside is left out.
  void fill(const Area& area, const Color& color) {
    const int left = std::max(0, area.left), right = std::min(width_, area.right);
    for (int y = std::max(0, area.top); y < std::min(height_, area.bottom); ++y) {
      uint8_t* at = pixels_ + 3 * (static_cast<int64_t>(y) * width_ + left);
      for (int x = left; x < right; ++x) {
        *at++ = color.r;
        *at++ = color.g;
        *at++ = color.b;
      }
    }
  }

 private:
  int height_, width_;
  uint8_t* pixels_;
};

/// The box in whole pixels, at least one wide and high where it touches the image; empty where it is not finite.
Area area_of(const Box& box, const Canvas& canvas) {
  if (!std::isfinite(box.x1) || !std::isfinite(box.y1) || !std::isfinite(box.x2) || !std::isfinite(box.y2)) return {};
  const auto round = [](double value, int most) {
    return static_cast<int>(std::lround(std::clamp<double>(value, 0, most)));
  };
  Area area{round(box.x1, canvas.width() - 1), round(box.y1, canvas.height() - 1), round(box.x2, canvas.width()),
            round(box.y2, canvas.height())};
  area.right = std::max(area.right, area.left + 1);
  area.bottom = std::max(area.bottom, area.top + 1);
  return area;
}

void outline(Canvas& canvas, const Area& area, int line, const Color& color) {
  const int across = std::min(line, area.right - area.left), down = std::min(line, area.bottom - area.top);
  canvas.fill({area.left, area.top, area.right, area.top + down}, color);
  canvas.fill({area.left, area.bottom - down, area.right, area.bottom}, color);
  canvas.fill({area.left, area.top, area.left + across, area.bottom}, color);
  canvas.fill({area.right - across, area.top, area.right, area.bottom}, color);
}

/// One dot of a letter is dot x dot pixels; a dot's room is around the text.
void write_label(Canvas& canvas, const Area& box, const std::string& text, int dot, const Color& color) {
  std::string letters;  // one for each character, whatever it takes
  for (std::string_view rest = text; !rest.empty();) {
    const size_t length = std::max<size_t>(1, utf8_character(rest));
    letters += length == 1 ? rest.front() : '?';
    rest.remove_prefix(length);
  }
  const int advance = (kGlyphWidth + 1) * dot, height = (kGlyphHeight + 2) * dot;
  letters.resize(std::min(letters.size(), static_cast<size_t>(std::max(0, (canvas.width() - dot) / advance))));
  if (letters.empty() || height > canvas.height()) return;
  const int width = static_cast<int>(letters.size()) * advance + dot;
  const int left = std::min(box.left, canvas.width() - width);
  const int top = box.top >= height ? box.top - height : std::min(box.top, canvas.height() - height);
  canvas.fill({left, top, left + width, top + height}, color);
  const uint8_t gray = color.bright() ? 0 : 255;
  for (size_t i = 0; i < letters.size(); ++i) {
    const auto& columns = glyph(letters[i]);
    for (int x = 0; x < kGlyphWidth; ++x) {
      for (int y = 0; y < kGlyphHeight; ++y) {
        if (!(columns[static_cast<size_t>(x)] >> y & 1)) continue;
        const int at = left + dot + static_cast<int>(i) * advance + x * dot, down = top + dot + y * dot;
        canvas.fill({at, down, at + dot, down + dot}, {gray, gray, gray});
      }
    }
  }
}

}  // namespace

Tensor draw_marks(const Tensor& pixels, std::span<const Mark> marks) {
  const Shape& shape = pixels.shape();
  ensure(pixels.dtype() == DType::u8 && shape.size() == 3 && shape[2] == 3 && !pixels.empty(),
         "[pixels.marks] expected uint8 pixels [h,w,3], got {} {}", to_string(pixels.dtype()), to_string(shape));
  Tensor out = pixels;
  Canvas canvas(out);
  const int side = (canvas.height() + canvas.width()) / 2;
  const int line = std::max(2, side / 320), dot = std::max(1, (side + 150) / 300);
  for (size_t i = marks.size(); i-- > 0;) {
    const Area area = area_of(marks[i].box, canvas);
    if (marks[i].outlined && area.right > 0) outline(canvas, area, line, class_color(marks[i].label));
  }
  for (size_t i = marks.size(); i-- > 0;) {
    const Area area = area_of(marks[i].box, canvas);
    if (area.right > 0) write_label(canvas, area, marks[i].text, dot, class_color(marks[i].label));
  }
  return out;
}

}  // namespace quench::pixels
