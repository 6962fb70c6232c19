#include "data/labels/yolo_labels.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <optional>
#include <tuple>
#include <utility>

namespace quench::data {
namespace {

constexpr double kSlack = 0.01;       // of the image: a coordinate that is further outside is an error
constexpr double kRounding = 1e-4;    // of the image: labels with four decimals reach over the border by as much
constexpr size_t kBoxNumbers = 5;     // class cx cy w h
constexpr size_t kScoredNumbers = 6;  // the same and a score, as predictions are written
constexpr size_t kFewestNumbers = 7;  // class and three corners

/// Why a row is left out.
struct Refusal {
  std::string kind;
  std::string problem;
};

/// Text of a file for a message: short, printable ASCII.
std::string quoted(std::string_view text) {
  constexpr size_t kLongest = 24;
  std::string out = "'";
  for (const char c : text.substr(0, kLongest)) out += c >= ' ' && c < 127 ? c : '?';
  return out + (text.size() > kLongest ? "...'" : "'");
}

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f'; }

std::vector<std::string_view> words_of(std::string_view row) {
  std::vector<std::string_view> words;
  for (size_t at = 0; at < row.size();) {
    if (is_space(row[at])) {
      ++at;
      continue;
    }
    size_t end = at;
    while (end < row.size() && !is_space(row[end])) ++end;
    words.push_back(row.substr(at, end - at));
    at = end;
  }
  return words;
}

std::optional<double> number_of(std::string_view word) {
  if (word.starts_with('+')) word.remove_prefix(1);
  double value = 0;
  const auto [end, code] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (end != word.data() + word.size() || word.empty()) return {};
  if (code == std::errc::result_out_of_range) return word.find("e-") == word.npos ? HUGE_VAL : 0.0;
  if (code != std::errc()) return {};
  return value;
}

/// Corners as shares of the image.
using Corners = Box;

class Row {
 public:
  Row(std::string_view text, int64_t class_count) : words_(words_of(text)), class_count_(class_count) {}

  bool blank() const { return words_.empty(); }

  /// Reads the row; what is wrong with it, or nothing.
  std::optional<Refusal> read() {
    if (words_.size() == kScoredNumbers) {
      const double score = number_of(words_.back()).value_or(-1);
      if (score >= 0 && score <= 1) words_.pop_back();
    }
    if (words_.size() != kBoxNumbers && (words_.size() < kFewestNumbers || words_.size() % 2 == 0)) {
      return Refusal{
          "numbers",
          fmt::format("expected 5 numbers (class cx cy w h, or 6 with a score) or a class and the x y of 3 or more "
                      "corners, got {}",
                      words_.size())};
    }
    if (auto refusal = read_numbers()) return refusal;
    if (auto refusal = read_class()) return refusal;
    for (size_t i = 1; i < values_.size(); ++i) {
      if (values_[i] < -kSlack || values_[i] > 1 + kSlack) {
        const bool size = values_.size() == kBoxNumbers && i >= 3;
        if (size && values_[i] < 0) continue;  // said as a size
        return Refusal{"outside", fmt::format("expected shares of the image in [0,1], got {}", quoted(words_[i]))};
      }
    }
    return values_.size() == kBoxNumbers ? read_box() : read_segment();
  }

  int32_t label() const { return label_; }
  const Corners& corners() const { return corners_; }

 private:
  std::optional<Refusal> read_numbers() {
    for (const std::string_view word : words_) {
      const std::optional<double> value = number_of(word);
      if (!value) {
        if (values_.empty()) return Refusal{"class", fmt::format("class {} is not an integer", quoted(word))};
        return Refusal{"numbers", fmt::format("{} is not a number", quoted(word))};
      }
      if (!std::isfinite(*value)) return Refusal{"not_finite", fmt::format("{} is not finite", quoted(word))};
      values_.push_back(*value);
    }
    return {};
  }

  std::optional<Refusal> read_class() {
    const double value = values_[0];
    if (value != std::floor(value)) {
      return Refusal{"class", fmt::format("class {} is not an integer", quoted(words_[0]))};
    }
    if (value < 0 || value >= static_cast<double>(class_count_)) {
      return Refusal{"class", fmt::format("class {} is not in 0..{}", value, class_count_ - 1)};
    }
    label_ = static_cast<int32_t>(value);
    return {};
  }

  std::optional<Refusal> read_box() {
    const double half_w = values_[3] / 2, half_h = values_[4] / 2;
    corners_ = {values_[1] - half_w, values_[2] - half_h, values_[1] + half_w, values_[2] + half_h};
    return check_size(values_[3], values_[4]);
  }

  std::optional<Refusal> read_segment() {
    corners_ = {values_[1], values_[2], values_[1], values_[2]};
    for (size_t i = 3; i + 1 < values_.size(); i += 2) {
      corners_.x1 = std::min(corners_.x1, values_[i]);
      corners_.y1 = std::min(corners_.y1, values_[i + 1]);
      corners_.x2 = std::max(corners_.x2, values_[i]);
      corners_.y2 = std::max(corners_.y2, values_[i + 1]);
    }
    return check_size(corners_.width(), corners_.height());
  }

  static std::optional<Refusal> check_size(double width, double height) {
    if (width > 0 && height > 0) return {};
    return Refusal{"size", fmt::format("expected a width and height above 0, got {} and {}", width, height)};
  }

  std::vector<std::string_view> words_;
  int64_t class_count_;
  std::vector<double> values_;
  int32_t label_ = -1;
  Corners corners_;
};

using Seen = std::map<std::tuple<int32_t, double, double, double, double>, int64_t>;

/// Adds the row's object, or an issue, or both.
void take(const Row& row, int64_t line, const std::string& file, int height, int width, Seen& seen, YoloLabels& out) {
  const Corners& c = row.corners();
  const double over = std::max({-c.x1, -c.y1, c.x2 - 1, c.y2 - 1, 0.0});
  const Corners inside{std::clamp(c.x1, 0.0, 1.0), std::clamp(c.y1, 0.0, 1.0), std::clamp(c.x2, 0.0, 1.0),
                       std::clamp(c.y2, 0.0, 1.0)};
  const Box box{inside.x1 * width, inside.y1 * height, inside.x2 * width, inside.y2 * height};
  if (box.width() <= 0 || box.height() <= 0) {
    out.issues.push_back({file, line, "nothing of the box is inside the image", "outside"});
    return;
  }
  const auto [earlier, added] = seen.emplace(std::tuple(row.label(), c.x1, c.y1, c.x2, c.y2), line);
  if (!added) {
    out.issues.push_back({file, line, fmt::format("the same object as in line {}", earlier->second), "duplicate"});
    return;
  }
  if (over > kRounding) {
    out.issues.push_back(
        {file, line, fmt::format("the box reaches {:.4f} of the image beyond its border: clipped", over), "clipped"});
  }
  out.objects.push_back({box, row.label(), false, box.area()});
}

}  // namespace

YoloLabels parse_yolo_labels(std::string_view text, const std::string& file, int64_t class_count, int height,
                             int width) {
  YoloLabels out;
  Seen seen;
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);  // byte order mark
  int64_t line = 0;
  while (!text.empty()) {
    ++line;
    const size_t end = std::min(text.find('\n'), text.size());
    Row row(text.substr(0, end), class_count);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (row.blank()) continue;
    if (auto refusal = row.read()) {
      out.issues.push_back({file, line, std::move(refusal->problem), std::move(refusal->kind)});
    } else {
      take(row, line, file, height, width, seen, out);
    }
  }
  return out;
}

}  // namespace quench::data
