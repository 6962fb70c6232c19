#include "data/sets/made_pictures.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/error.h"
#include "core/hash.h"
#include "core/rng.h"
#include "core/text.h"

namespace quench::data {
namespace {

uint8_t byte_of(double value) { return static_cast<uint8_t>(std::clamp(value, 0.0, 255.0)); }

/// A field of side x side values with mean 0 and largest magnitude 1, by midpoint displacement: each level halves the
/// distance of points and the size of their displacement.
std::vector<double> fractal_field(int side, Rng& rng) {
  int grid = 1;
  while (grid < side) grid *= 2;
  const int stride = grid + 1;
  std::vector<double> field(static_cast<size_t>(stride) * static_cast<size_t>(stride));
  const auto at = [&](int y, int x) -> double& { return field[static_cast<size_t>(y) * stride + x]; };
  for (const int y : {0, grid}) {
    for (const int x : {0, grid}) at(y, x) = rng.normal();
  }
  double size = 1;
  for (int step = grid; step > 1; step /= 2, size /= 2) {
    const int half = step / 2;
    for (int y = half; y < grid; y += step) {
      for (int x = half; x < grid; x += step) {
        at(y, x) =
            (at(y - half, x - half) + at(y - half, x + half) + at(y + half, x - half) + at(y + half, x + half)) / 4 +
            size * rng.normal();
      }
    }
    for (int y = 0; y <= grid; y += half) {
      for (int x = y / half % 2 == 0 ? half : 0; x <= grid; x += step) {
        double sum = 0;
        int count = 0;
        for (const auto& [dy, dx] : {std::pair{-half, 0}, {half, 0}, {0, -half}, {0, half}}) {
          if (y + dy < 0 || y + dy > grid || x + dx < 0 || x + dx > grid) continue;
          sum += at(y + dy, x + dx);
          ++count;
        }
        at(y, x) = sum / count + size * rng.normal();
      }
    }
  }
  std::vector<double> out(static_cast<size_t>(side) * static_cast<size_t>(side));
  double mean = 0, largest = 0;
  for (int y = 0; y < side; ++y) {
    for (int x = 0; x < side; ++x) mean += out[static_cast<size_t>(y) * side + x] = at(y, x);
  }
  mean /= static_cast<double>(out.size());
  for (double& value : out) largest = std::max(largest, std::abs(value -= mean));
  for (double& value : out) value /= std::max(largest, 1e-9);
  return out;
}

/// Three channels that share most of their field, as colours of photographs do.
void paint_fractal(std::vector<uint8_t>& pixels, int side, Rng& rng) {
  const std::vector<double> common = fractal_field(side, rng);
  const double centre = rng.uniform(80, 176), contrast = rng.uniform(60, 160);
  for (int channel = 0; channel < 3; ++channel) {
    const std::vector<double> own = fractal_field(side, rng);
    const double tint = rng.uniform(-30, 30);
    for (size_t i = 0; i < common.size(); ++i) {
      pixels[3 * i + channel] = byte_of(centre + tint + contrast * (0.8 * common[i] + 0.3 * own[i]));
    }
  }
}

void paint_leaves(std::vector<uint8_t>& pixels, int side, Rng& rng) {
  const std::vector<double> shade = fractal_field(side, rng);
  const double least = std::max(1.0, side / 64.0), most = side / 2.0;
  // Back to front, until the picture is covered several times over.
  for (double covered = 0; covered < 6.0 * side * side;) {
    const double u = rng.uniform();  // radii with density r^-3 between least and most
    const double radius = 1 / std::sqrt((1 - u) / (least * least) + u / (most * most));
    covered += std::numbers::pi * radius * radius;
    const double cy = rng.uniform(0, side), cx = rng.uniform(0, side);
    double colour[3];
    const double gray = rng.uniform(20, 235);
    for (double& channel : colour) channel = gray + rng.uniform(-60, 60);
    const double depth = rng.uniform(0, 50);
    const int top = std::max(0, static_cast<int>(cy - radius)), bottom = std::min<int>(side - 1, cy + radius);
    const int left = std::max(0, static_cast<int>(cx - radius)), right = std::min<int>(side - 1, cx + radius);
    for (int y = top; y <= bottom; ++y) {
      for (int x = left; x <= right; ++x) {
        if ((y - cy) * (y - cy) + (x - cx) * (x - cx) > radius * radius) continue;
        const size_t i = static_cast<size_t>(y) * side + x;
        for (size_t channel = 0; channel < 3; ++channel) {
          pixels[3 * i + channel] = byte_of(colour[channel] + depth * shade[i]);
        }
      }
    }
  }
}

}  // namespace

const std::vector<std::string>& made_picture_kinds() {
  static const std::vector<std::string> kinds = {"noise", "gray", "fractal", "leaves"};
  return kinds;
}

MadePictures::MadePictures(std::string kind, int side, int64_t count, uint64_t seed)
    : kind_(std::move(kind)), side_(side), count_(count), seed_(seed) {
  if (std::ranges::count(made_picture_kinds(), kind_) == 0) {
    fail(ErrorKind::config, "[data.made_pictures] unknown pictures '{}'{}", kind_,
         suggestion(kind_, made_picture_kinds()));
  }
}

Sample MadePictures::at(int64_t index) const {
  Rng rng(seed_, kind_, static_cast<uint64_t>(side_), static_cast<uint64_t>(index));
  std::vector<uint8_t> pixels(static_cast<size_t>(side_) * static_cast<size_t>(side_) * 3);
  if (kind_ == "noise") {
    for (uint8_t& value : pixels) value = static_cast<uint8_t>(rng.below(256));
  } else if (kind_ == "gray") {
    std::ranges::fill(pixels, static_cast<uint8_t>(rng.below(256)));
  } else if (kind_ == "fractal") {
    paint_fractal(pixels, side_, rng);
  } else {
    paint_leaves(pixels, side_, rng);
  }
  return {Tensor::from(pixels, {side_, side_, 3}), -1, {}};
}

std::string MadePictures::digest() const { return sha256_hex(fmt::format("{} {} {} {}", kind_, side_, count_, seed_)); }

}  // namespace quench::data
