#include "cli/bench_picture.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "core/file.h"
#include "core/printable.h"
#include "core/rng.h"
#include "picture_files/decode.h"
#include "picture_files/encode.h"

namespace quench::cli {
namespace {

constexpr int kHeight = 1080, kWidth = 1920, kQuality = 90;
constexpr char kMade[] = "made";

/// Adds amplitude * noise, linear between the corners of cells of that side, to [height,width].
void add_noise(std::vector<float>& plane, int height, int width, int cell, float amplitude, Rng rng) {
  const int columns = width / cell + 2;
  std::vector<float> corners(static_cast<size_t>(columns) * static_cast<size_t>(height / cell + 2));
  for (float& corner : corners) corner = static_cast<float>(rng.uniform(-amplitude, amplitude));
  for (int y = 0; y < height; ++y) {
    const float* upper = corners.data() + static_cast<ptrdiff_t>(y / cell) * columns;
    const float fy = static_cast<float>(y % cell) / static_cast<float>(cell);
    float* to = plane.data() + static_cast<ptrdiff_t>(y) * width;
    for (int x = 0; x < width; ++x) {
      const float* at = upper + x / cell;
      const float fx = static_cast<float>(x % cell) / static_cast<float>(cell);
      const float above = at[0] + fx * (at[1] - at[0]);
      const float below = at[columns] + fx * (at[columns + 1] - at[columns]);
      to[x] += above + fy * (below - above);
    }
  }
}

/// One plane around 0, with cells from 512 pixels down to `smallest`.
std::vector<float> noise_plane(int height, int width, float amplitude, int smallest, uint64_t number) {
  std::vector<float> plane(static_cast<size_t>(height) * static_cast<size_t>(width));
  for (int cell = 512; cell >= smallest; cell /= 2, amplitude *= 0.7f) {
    add_noise(plane, height, width, cell, amplitude, Rng(0, "bench picture", number, static_cast<uint64_t>(cell)));
  }
  return plane;
}

}  // namespace

Tensor made_picture(int height, int width) {
  const std::vector<float> light = noise_plane(height, width, 100, 1, 0);
  const std::vector<float> blue = noise_plane(height, width, 40, 8, 1), red = noise_plane(height, width, 40, 8, 2);
  Tensor out(DType::u8, {height, width, 3});
  uint8_t* to = out.mutable_values<uint8_t>().data();
  const auto byte = [](float value) { return static_cast<uint8_t>(std::clamp(value, 0.0f, 255.0f)); };
  for (size_t i = 0; i < light.size(); ++i, to += 3) {
    const float y = 128 + light[i];
    to[0] = byte(y + red[i]);
    to[1] = byte(y - (red[i] + blue[i]) / 3);
    to[2] = byte(y + blue[i]);
  }
  return out;
}

BenchPicture bench_picture(const Json& options) {
  BenchPicture picture;
  if (options["picture"].is_string()) {
    picture.name = options["picture"].get<std::string>();
    picture.bytes = read_file(picture.name);
  } else {
    picture.name = kMade;
    picture.bytes = picture_files::encode_jpeg(made_picture(kHeight, kWidth), kQuality);
  }
  const Tensor pixels = picture_files::decode_picture(picture.bytes, picture.name);
  picture.kind = picture_files::picture_kind(picture.bytes);
  picture.height = pixels.shape()[0];
  picture.width = pixels.shape()[1];
  return picture;
}

Json to_json(const BenchPicture& picture) {
  return {{"name", picture.name},
          {"kind", picture.kind},
          {"height", picture.height},
          {"width", picture.width},
          {"bytes", static_cast<int64_t>(picture.bytes.size())}};
}

std::string described(const BenchPicture& picture) {
  return fmt::format("{}, {} {}x{}, {} kB", printable_line(picture.name), picture.kind, picture.width, picture.height,
                     (picture.bytes.size() + 500) / 1000);
}

}  // namespace quench::cli
