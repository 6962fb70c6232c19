#include "pixels/shaped.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "core/error.h"
#include "pixels/resample.h"
#include "pixels/resize.h"

namespace quench::pixels {
namespace {

/// The centre of one axis: `count` of its pixels from `from` on become those of the crop from `to` on.
struct Centre {
  int64_t from;
  int to, count;
};

/// A place between two pixels is rounded half to even; of an odd number of zeros around, one more stands behind.
Centre centre_of(int64_t length, int crop) {
  if (length < crop) return {0, static_cast<int>((crop - length) / 2), static_cast<int>(length)};
  const int64_t rest = length - crop, half = rest / 2;
  return {rest % 2 == 1 && half % 2 == 1 ? half + 1 : half, 0, crop};
}

/// The square at the centre, rounded down.
SourceView square_of(const SourceView& source) {
  const int side = std::min(source.height, source.width);
  const int64_t top = (source.height - side) / 2, left = (source.width - side) / 2;
  return {source.data + top * source.row_bytes + left * kRgb, side, side, source.row_bytes};
}

std::vector<uint8_t> dense(const SourceView& source) {
  const auto row = static_cast<size_t>(source.width) * kRgb;
  std::vector<uint8_t> out(row * static_cast<size_t>(source.height));
  for (int y = 0; y < source.height; ++y) std::memcpy(out.data() + row * y, source.data + y * source.row_bytes, row);
  return out;
}

}  // namespace

void fit_shaped(const uint8_t* pixels, int height, int width, const Preparation& preparation, int imgsz, uint8_t* out) {
  ensure(height > 0 && width > 0 && imgsz > 0, "[pixels.shaped] expected sizes above 0, got {}x{} to {}", height, width,
         imgsz);
  SourceView source{pixels, height, width, int64_t{kRgb} * width};
  if (preparation.shaping == Shaping::square) source = square_of(source);
  const int64_t side = std::max<int64_t>(
      1, (int64_t{2} * imgsz * preparation.side + preparation.crop) / (int64_t{2} * preparation.crop));
  int64_t resized_height = side, resized_width = side;
  if (preparation.shaping == Shaping::short_side) {
    const int64_t shorter = std::min(source.height, source.width);
    resized_height = source.height <= source.width ? side : side * source.height / shorter;
    resized_width = source.width <= source.height ? side : side * source.width / shorter;
  } else if (preparation.shaping == Shaping::none) {
    resized_height = source.height;
    resized_width = source.width;
  }
  const Centre rows = centre_of(resized_height, imgsz), columns = centre_of(resized_width, imgsz);
  const int64_t row_bytes = int64_t{kRgb} * imgsz;
  if (rows.count < imgsz || columns.count < imgsz) std::memset(out, 0, static_cast<size_t>(row_bytes) * imgsz);
  uint8_t* to = out + rows.to * row_bytes + kRgb * columns.to;
  if (preparation.shaping == Shaping::none) {
    for (int y = 0; y < rows.count; ++y, to += row_bytes) {
      std::memcpy(to, source.data + (rows.from + y) * source.row_bytes + kRgb * columns.from,
                  static_cast<size_t>(columns.count) * kRgb);
    }
  } else if (preparation.resampling == Resampling::bilinear) {
    resize_bilinear(dense(source).data(), source.height, source.width, to, imgsz, imgsz, row_bytes);
  } else {
    resample(source, preparation.resampling,
             {resized_height, resized_width, rows.from, columns.from, rows.count, columns.count}, to, row_bytes);
  }
}

}  // namespace quench::pixels
