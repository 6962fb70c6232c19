#include "data/sets/shapes.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <utility>

#include "core/error.h"
#include "core/hash.h"
#include "core/rng.h"

namespace quench::data {
namespace {

using Rgb = std::array<float, 3>;

// Signed distances to shapes of about unit radius at the origin, y down; negative inside.
float circle(float x, float y, float r) { return std::sqrt(x * x + y * y) - r; }

float box(float x, float y, float half_w, float half_h) {
  const float dx = std::abs(x) - half_w, dy = std::abs(y) - half_h;
  const float ox = std::max(dx, 0.f), oy = std::max(dy, 0.f);
  return std::sqrt(ox * ox + oy * oy) + std::min(std::max(dx, dy), 0.f);
}

/// Regular polygon of `sides` with apothem a, one side down: the angle folds into one sector.
float polygon(float x, float y, int sides, float a) {
  const float sector = 2 * std::numbers::pi_v<float> / static_cast<float>(sides);
  const float angle = std::atan2(x, y);
  return std::sqrt(x * x + y * y) * std::cos(angle - sector * std::round(angle / sector)) - a;
}

/// Five-pointed star: in half a sector it is the line from the tip (radius 1) to the notch (radius `inner`).
float star(float x, float y, float inner) {
  const float sector = 2 * std::numbers::pi_v<float> / 5;
  const float angle = std::atan2(x, -y), r = std::sqrt(x * x + y * y);
  const float folded = std::abs(angle - sector * std::round(angle / sector));
  const float px = r * std::cos(folded), py = r * std::sin(folded);
  const float nx = inner * std::cos(sector / 2), ny = inner * std::sin(sector / 2);
  const float length = std::hypot(nx - 1, ny);
  return ((px - 1) * ny - py * (nx - 1)) / length;
}

float heart(float x, float y) {
  const float s = std::sqrt(0.5f);
  const float u = (x + y - 0.1f) * s, v = (y - x - 0.1f) * s;  // a square on its tip and a disc on each upper side
  return std::min({box(u, v, 0.55f, 0.55f), circle(u + 0.55f, v, 0.55f), circle(u, v + 0.55f, 0.55f)});
}

float distance(int kind, float x, float y) {
  switch (kind) {
    case 0: return circle(x, y, 0.9f);
    case 1: return std::abs(circle(x, y, 0.75f)) - 0.2f;
    case 2: return box(x, y, 0.78f, 0.78f);
    case 3: return polygon(x, y, 3, 0.52f);
    case 4: return polygon(x, y, 6, 0.82f);
    case 5: return star(x, y, 0.42f);
    case 6: return std::min(box(x, y, 0.92f, 0.28f), box(x, y, 0.28f, 0.92f));
    case 7: return heart(x, y);
    case 8: return std::max(circle(x, y, 0.95f), -circle(x - 0.45f, y, 0.75f));
    default: return circle(x, y * 2.1f, 0.95f) / 1.6f;
  }
}

const std::vector<std::string>& shape_names() {
  static const std::vector<std::string> names{"circle", "ring",  "square", "triangle", "hexagon",
                                              "star",   "cross", "heart",  "crescent", "ellipse"};
  return names;
}

Rgb random_rgb(Rng& rng) {
  Rgb color{};
  for (float& channel : color) channel = static_cast<float>(rng.uniform(20, 235));
  return color;
}

/// Two colours that value noise and stripes blend, plus grain.
class Background {
 public:
  explicit Background(Rng& rng) : low_(random_rgb(rng)), high_(low_) {
    for (float& channel : high_) channel = std::clamp(channel + static_cast<float>(rng.uniform(-70, 70)), 0.f, 255.f);
    for (float& value : grid_) value = static_cast<float>(rng.uniform());
    stripes_ = static_cast<float>(rng.chance(0.5) ? rng.uniform(0.2, 0.5) : 0.0);
    const double angle = rng.uniform(0, 2 * std::numbers::pi_v<float>), frequency = rng.uniform(12, 45);
    wave_x_ = static_cast<float>(frequency * std::cos(angle));
    wave_y_ = static_cast<float>(frequency * std::sin(angle));
  }
  const Rgb& base() const { return low_; }
  /// u, v in [0,1).
  Rgb at(float u, float v) const {
    const float gx = u * (kGrid - 1), gy = v * (kGrid - 1);
    const int x = static_cast<int>(gx), y = static_cast<int>(gy);
    const float fx = gx - static_cast<float>(x), fy = gy - static_cast<float>(y);
    const float* cell = grid_.data() + y * kGrid + x;
    float blend = (cell[0] * (1 - fx) + cell[1] * fx) * (1 - fy) + (cell[kGrid] * (1 - fx) + cell[kGrid + 1] * fx) * fy;
    if (stripes_ > 0) blend = blend * (1 - stripes_) + stripes_ * (0.5f + 0.5f * std::sin(wave_x_ * u + wave_y_ * v));
    return {low_[0] + (high_[0] - low_[0]) * blend, low_[1] + (high_[1] - low_[1]) * blend,
            low_[2] + (high_[2] - low_[2]) * blend};
  }

 private:
  static constexpr int kGrid = 9;
  Rgb low_, high_;
  std::array<float, kGrid * kGrid> grid_{};
  float stripes_ = 0, wave_x_ = 0, wave_y_ = 0;
};

Tensor draw(int kind, int imgsz, Rng& rng) {
  const Background background(rng);
  Rgb paint = random_rgb(rng);
  const auto contrast = [&] {
    float sum = 0;
    for (int c = 0; c < 3; ++c) sum += std::abs(paint[c] - background.base()[c]);
    return sum;
  };
  while (contrast() < 180) paint = random_rgb(rng);
  const auto side = static_cast<float>(imgsz);
  const auto radius = static_cast<float>(rng.uniform(0.18, 0.42)) * side;
  const auto cx = static_cast<float>(rng.uniform(radius * 0.9, side - radius * 0.9));
  const auto cy = static_cast<float>(rng.uniform(radius * 0.9, side - radius * 0.9));
  const double turn = rng.uniform(-0.45, 0.45);
  const float cos = static_cast<float>(std::cos(turn)) / radius, sin = static_cast<float>(std::sin(turn)) / radius;
  const auto grain = static_cast<float>(rng.uniform(2, 14));

  Tensor pixels(DType::u8, {imgsz, imgsz, 3});
  uint8_t* out = pixels.mutable_values<uint8_t>().data();
  for (int y = 0; y < imgsz; ++y) {
    for (int x = 0; x < imgsz; ++x, out += 3) {
      const float px = static_cast<float>(x) + 0.5f, py = static_cast<float>(y) + 0.5f;
      Rgb color = background.at(px / side, py / side);
      const float dx = px - cx, dy = py - cy;
      if (dx * dx + dy * dy < 1.9f * radius * radius) {
        const float d = distance(kind, cos * dx + sin * dy, cos * dy - sin * dx) * radius;  // in pixels
        const float cover = std::clamp(0.5f - d, 0.f, 1.f);
        for (int c = 0; c < 3; ++c) color[c] += (paint[c] - color[c]) * cover;
      }
      const uint64_t bits = rng.next();
      for (int c = 0; c < 3; ++c) {
        const float noise = static_cast<float>((bits >> (16 * c)) & 0xffff) / 65535.f - 0.5f;
        out[c] = static_cast<uint8_t>(std::clamp(color[c] + grain * noise + 0.5f, 0.f, 255.f));
      }
    }
  }
  return pixels;
}

class Shapes : public Dataset {
 public:
  Shapes(const ShapesOptions& options, std::string split, int64_t size)
      : options_(options), split_(std::move(split)), size_(size) {}

  int64_t size() const override { return size_; }
  const std::vector<std::string>& classes() const override { return shape_names(); }
  int32_t label(int64_t index) const override {
    ensure(index >= 0 && index < size_, "[data.shapes] expected an index below {}, got {}", size_, index);
    return static_cast<int32_t>(index % static_cast<int64_t>(shape_names().size()));
  }
  Sample at(int64_t index) const override {
    const int32_t kind = label(index);
    Rng rng(options_.seed, "shapes." + split_, static_cast<uint64_t>(index));
    return {draw(kind, options_.imgsz, rng), kind, {}};
  }
  std::string digest() const override {
    return sha256_hex(fmt::format("shapes 1 {} {} {} {}", split_, options_.imgsz, size_, options_.seed));
  }

 private:
  ShapesOptions options_;
  std::string split_;
  int64_t size_;
};

}  // namespace

Splits open_shapes(const ShapesOptions& options) {
  if (options.imgsz < 8 || options.train_images < 1 || options.test_images < 1) {
    fail(ErrorKind::config, "[data.shapes] expected imgsz >= 8 and images in both splits, got {}, {} and {}",
         options.imgsz, options.train_images, options.test_images);
  }
  return {"shapes", std::make_shared<Shapes>(options, "train", options.train_images),
          std::make_shared<Shapes>(options, "test", options.test_images)};
}

}  // namespace quench::data
