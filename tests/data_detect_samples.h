#pragma once

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/rng.h"
#include "data/sets/dataset.h"

namespace quench::testing {

/// Labels 0 to 5 have one colour each, of full and empty channels: what is seen tells the label.
constexpr int kColours = 6;

/// A black image with a full rectangle for each object.
inline data::Sample coloured_sample(int height, int width, std::vector<data::Object> objects) {
  data::Sample sample;
  sample.pixels = Tensor(DType::u8, {height, width, 3});
  uint8_t* pixels = sample.pixels.mutable_values<uint8_t>().data();
  for (const data::Object& object : objects) {
    for (auto y = static_cast<int>(object.box.y1); y < static_cast<int>(object.box.y2); ++y) {
      for (auto x = static_cast<int>(object.box.x1); x < static_cast<int>(object.box.x2); ++x) {
        for (int c = 0; c < 3; ++c) pixels[3 * (y * width + x) + c] = (object.label + 1) >> c & 1 ? 255 : 0;
      }
    }
  }
  sample.objects = std::move(objects);
  return sample;
}

/// One object, its box in whole pixels and away from the border, so that only black touches it.
inline data::Object seeded_object(int height, int width, int label, Rng& rng) {
  const auto edge = [&rng](int side, double low, double high) {
    return std::clamp(std::floor(side * rng.uniform(low, high)), 3.0, side - 3.0);
  };
  data::Object object;
  object.box = {edge(width, 0.1, 0.4), edge(height, 0.1, 0.4), edge(width, 0.6, 0.9), edge(height, 0.6, 0.9)};
  object.label = label;
  object.area = object.box.area();
  return object;
}

/// The box around the pixels of the label's colour in an image of [side,side,3] (all of it, or those whose centre lies
/// in `region`); nothing where there are none. A pixel counts where the colour has more than half of it.
inline std::optional<Box> bounds_of(const uint8_t* pixels, int side, int label,
                                    const Box& region = {-1e9, -1e9, 1e9, 1e9}) {
  std::optional<Box> bounds;
  for (int y = 0; y < side; ++y) {
    for (int x = 0; x < side; ++x) {
      if (x + 0.5 < region.x1 || x + 0.5 > region.x2 || y + 0.5 < region.y1 || y + 0.5 > region.y2) continue;
      bool is = true;
      for (int c = 0; c < 3; ++c) {
        const int value = pixels[3 * (y * side + x) + c];
        is = is && ((label + 1) >> c & 1 ? value >= 128 : value < 64);
      }
      if (!is) continue;
      if (!bounds) bounds = Box{1e9, 1e9, -1e9, -1e9};
      bounds->x1 = std::min<double>(bounds->x1, x);
      bounds->y1 = std::min<double>(bounds->y1, y);
      bounds->x2 = std::max<double>(bounds->x2, x + 1);
      bounds->y2 = std::max<double>(bounds->y2, y + 1);
    }
  }
  return bounds;
}

/// The largest distance between the sides of two boxes.
inline double distance(const Box& a, const Box& b) {
  return std::max({std::abs(a.x1 - b.x1), std::abs(a.y1 - b.y1), std::abs(a.x2 - b.x2), std::abs(a.y2 - b.y2)});
}

/// Images of many sizes, with one object of label index % 6 each; every eighth has none.
class ColouredBoxes : public data::Dataset {
 public:
  explicit ColouredBoxes(int64_t size) {
    for (int i = 0; i < kColours; ++i) classes_.push_back("colour" + std::to_string(i));
    for (int64_t i = 0; i < size; ++i) {
      Rng rng(0, "coloured", static_cast<uint64_t>(i));
      const int height = 40 + static_cast<int>(rng.below(200)), width = 40 + static_cast<int>(rng.below(200));
      std::vector<data::Object> objects;
      if (i % 8 != 7) objects.push_back(seeded_object(height, width, static_cast<int>(i % kColours), rng));
      samples_.push_back(coloured_sample(height, width, std::move(objects)));
    }
  }
  std::string task() const override { return "detect"; }
  int64_t size() const override { return static_cast<int64_t>(samples_.size()); }
  const std::vector<std::string>& classes() const override { return classes_; }
  int32_t label(int64_t) const override { return -1; }
  data::Sample at(int64_t index) const override { return samples_.at(static_cast<size_t>(index)); }
  std::vector<data::Object> objects(int64_t index) const override { return at(index).objects; }
  std::string digest() const override { return "coloured"; }
  data::Sample& sample(int64_t index) { return samples_.at(static_cast<size_t>(index)); }

 private:
  std::vector<std::string> classes_;
  std::vector<data::Sample> samples_;
};

}  // namespace quench::testing
