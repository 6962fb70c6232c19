#include "data/pictures/draw_boxes.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <opencv2/imgproc.hpp>

#include "core/error.h"
#include "core/utf8.h"
#include "data/pictures/letters.h"

namespace quench::data {
namespace {

constexpr int kReadableSide = 320;
constexpr int kFont = cv::FONT_HERSHEY_SIMPLEX;
constexpr double kCapital = 21;  ///< height of a capital letter of the font at scale 1, in pixels

/// How thick and large things are drawn on an image.
struct Style {
  int line = 2;        ///< of outlines
  double scale = 0.5;  ///< of the font
  int stroke = 1;      ///< of letters
  int margin = 3;      ///< around a text
};

Style style_of(int height, int width) {
  const double side = (height + width) / 2.0;
  const double capital = std::min(std::max(10.0, side / 60), std::min(height, width) / 4.0);
  Style style;
  style.line = std::max(2, static_cast<int>(std::lround(side / 320)));
  style.scale = capital / kCapital;
  style.stroke = std::max(1, static_cast<int>(std::lround(capital / 11)));
  style.margin = std::max(2, static_cast<int>(std::lround(capital / 4)));
  return style;
}

/// A text and where it stands.
struct Label {
  std::string text;
  cv::Rect place;
  int baseline = 0;  ///< of the text, from the top of the place
};

struct Measured {
  cv::Size place;
  int baseline = 0;
};

bool is_ascii(const std::string& text) {
  return std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7f; });
}

double capital_of(const Style& style) { return style.scale * kCapital; }

Measured measure(const std::string& text, const Style& style) {
  if (!is_ascii(text)) {
    const TextRoom room = text_room(text, capital_of(style));
    return {{room.width + 2 * style.margin, room.above + room.below + 2 * style.margin}, room.above + style.margin};
  }
  int below = 0;
  const cv::Size size = cv::getTextSize(text, kFont, style.scale, style.stroke, &below);
  return {{size.width + 2 * style.margin, size.height + below + 2 * style.margin}, size.height + style.margin};
}

/// Printable ASCII, and what a font has; in the place of other characters side by side the number of the class, of
/// control characters and bytes that are no UTF-8 a '?'.
std::string drawable(const std::string& text, int32_t label) {
  std::string out;
  bool numbered = false;
  for (std::string_view rest = text; !rest.empty();) {
    const size_t length = std::max<size_t>(1, utf8_character(rest));
    const std::string_view character = rest.substr(0, length);
    rest.remove_prefix(length);
    const auto first = static_cast<unsigned char>(character[0]);
    const bool plain = first >= 0x20 && first<0x7f, wide = length> 1;
    if (plain || (wide && has_letter(character))) {
      out += character;
      numbered = false;
    } else if (!wide) {
      out += '?';
    } else if (!numbered) {
      out += fmt::format("#{}", label);
      numbered = true;
    }
  }
  return out;
}

/// Takes off the last character.
void shorten(std::string& text) {
  while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0xc0) == 0x80) text.pop_back();
  if (!text.empty()) text.pop_back();
}

bool is_finite(const Box& box) {
  return std::isfinite(box.x1) && std::isfinite(box.y1) && std::isfinite(box.x2) && std::isfinite(box.y2);
}

/// The box in whole pixels of a drawing, at least one pixel wide and high where it touches the image.
cv::Rect in_drawing(const Box& box, int factor, const cv::Size& size) {
  if (!is_finite(box)) return {};
  const auto round = [&](double value, int most) {
    return static_cast<int>(std::lround(std::clamp<double>(value * factor, 0, most)));
  };
  const int x1 = std::min(round(box.x1, size.width), size.width - 1);
  const int y1 = std::min(round(box.y1, size.height), size.height - 1);
  return {x1, y1, std::max(1, round(box.x2, size.width) - x1), std::max(1, round(box.y2, size.height) - y1)};
}

/// Pixels of a place that labels have already.
int64_t covered(const cv::Rect& place, const std::vector<Label>& labels) {
  int64_t sum = 0;
  for (const Label& label : labels) sum += (place & label.place).area();
  return sum;
}

/// Near the object `at`, inside the image: where it covers the least of the other labels; equal ones by preference.
cv::Rect best_place(const cv::Rect& at, const cv::Size& label, const cv::Size& image,
                    const std::vector<Label>& others) {
  const std::array<int, 4> tops{at.y - label.height, at.y, at.y + at.height, at.y + at.height - label.height};
  const int most_left = image.width - label.width, most_top = image.height - label.height;
  cv::Rect best({std::min(at.x, most_left), std::clamp(at.y, 0, most_top)}, label);  // where none of them fits
  int64_t least = std::numeric_limits<int64_t>::max();
  for (const int left : {at.x, at.x + at.width - label.width}) {
    for (const int top : tops) {
      if (top < 0 || top > most_top) continue;
      const cv::Rect place({std::clamp(left, 0, most_left), top}, label);
      const int64_t cost = covered(place, others);
      if (cost >= least) continue;
      least = cost;
      best = place;
    }
  }
  return best;
}

/// Labels by box; an empty place where there is none.
std::vector<Label> lay_out(const cv::Size& size, int factor, std::span<const LabelledBox> boxes) {
  const Style style = style_of(size.height, size.width);
  std::vector<Label> labels;
  for (const LabelledBox& box : boxes) {
    Label label{drawable(box.text, box.label), {}, 0};
    Measured measured = measure(label.text, style);
    while (!label.text.empty() && measured.place.width > size.width) {
      shorten(label.text);
      measured = measure(label.text, style);
    }
    if (label.text.empty() || measured.place.height > size.height || !is_finite(box.box)) {
      labels.push_back({});
      continue;
    }
    label.place = best_place(in_drawing(box.box, factor, size), measured.place, size, labels);
    label.baseline = measured.baseline;
    labels.push_back(std::move(label));
  }
  return labels;
}

cv::Scalar scalar(const Color& color) { return {double(color.r), double(color.g), double(color.b)}; }

void draw_outline(cv::Mat& drawing, const cv::Rect& at, int line, const Color& color) {
  const int across = std::min(line, at.width), down = std::min(line, at.height);
  drawing(cv::Rect(at.x, at.y, at.width, down)).setTo(scalar(color));
  drawing(cv::Rect(at.x, at.y + at.height - down, at.width, down)).setTo(scalar(color));
  drawing(cv::Rect(at.x, at.y, across, at.height)).setTo(scalar(color));
  drawing(cv::Rect(at.x + at.width - across, at.y, across, at.height)).setTo(scalar(color));
}

void draw_text(cv::Mat& drawing, const Label& label, const Style& style, const Color& color) {
  cv::Mat place = drawing(label.place);  // what reaches beyond is cut
  place.setTo(scalar(color));
  const uint8_t gray = color.bright() ? 0 : 255;
  if (!is_ascii(label.text)) {
    return draw_letters(place, label.text, {style.margin, label.baseline}, capital_of(style), gray);
  }
  cv::putText(place, label.text, {style.margin, label.baseline}, kFont, style.scale, cv::Scalar::all(gray),
              style.stroke, cv::LINE_AA);
}

}  // namespace

int drawing_factor(int height, int width) {
  const int side = std::max({height, width, 1});
  return (kReadableSide + side - 1) / side;
}

std::vector<Box> label_places(int height, int width, std::span<const LabelledBox> boxes) {
  const int factor = drawing_factor(height, width);
  std::vector<Box> places;
  for (const Label& label : lay_out({width * factor, height * factor}, factor, boxes)) {
    const cv::Rect& at = label.place;
    places.push_back({double(at.x), double(at.y), double(at.x + at.width), double(at.y + at.height)});
  }
  return places;
}

Tensor draw_boxes(const Tensor& pixels, std::span<const LabelledBox> boxes) {
  const Shape& shape = pixels.shape();
  ensure(pixels.dtype() == DType::u8 && shape.size() == 3 && shape[2] == 3 && !pixels.empty(),
         "[data.draw_boxes] expected uint8 pixels [h,w,3], got {} {}", to_string(pixels.dtype()), to_string(shape));
  const int height = static_cast<int>(shape[0]), width = static_cast<int>(shape[1]);
  const int factor = drawing_factor(height, width);
  Tensor out(DType::u8, {height * factor, width * factor, 3});
  cv::Mat drawing(height * factor, width * factor, CV_8UC3, out.mutable_bytes());
  const cv::Mat image(height, width, CV_8UC3, const_cast<uint8_t*>(pixels.values<uint8_t>().data()));
  cv::resize(image, drawing, drawing.size(), 0, 0, cv::INTER_NEAREST);

  const Style style = style_of(drawing.rows, drawing.cols);
  const std::vector<Label> labels = lay_out(drawing.size(), factor, boxes);
  for (size_t i = boxes.size(); i-- > 0;) {
    const cv::Rect at = in_drawing(boxes[i].box, factor, drawing.size());
    if (boxes[i].outlined && !at.empty()) draw_outline(drawing, at, style.line, class_color(boxes[i].label));
  }
  for (size_t i = boxes.size(); i-- > 0;) {
    if (!labels[i].place.empty()) draw_text(drawing, labels[i], style, class_color(boxes[i].label));
  }
  return out;
}

}  // namespace quench::data
