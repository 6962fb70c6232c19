#include "data/augmentation/mosaic.h"

#include "core/error.h"
#include "data/pictures/letterbox.h"
#include "data/pictures/picture_mat.h"

namespace quench::data {
namespace {

/// Uniform whole pixel of the middle half.
int meeting_point(int imgsz, Rng& rng) { return static_cast<int>(rng.uniform(0.5 * imgsz, 1.5 * imgsz)); }

}  // namespace

void make_mosaic(const std::array<Sample, 4>& images, int imgsz, Rng& rng, DetectPicture& out, Picture& scratch) {
  const int side = 2 * imgsz;
  const int centre_x = meeting_point(imgsz, rng), centre_y = meeting_point(imgsz, rng);
  out.picture.resize(side, side);
  out.objects.clear();
  cv::Mat canvas = as_mat(out.picture);
  canvas.setTo(cv::Scalar::all(kPadding));
  for (size_t i = 0; i < images.size(); ++i) {
    const Sample& sample = images[i];
    const Shape& shape = sample.pixels.shape();
    ensure(shape.size() == 3, "[data.mosaic] expected pixels [h,w,3], got {}", to_string(shape));
    // Without a margin: rect_letterbox pads to a multiple of one pixel.
    const Letterbox box = rect_letterbox(static_cast<int>(shape[0]), static_cast<int>(shape[1]), imgsz, 1);
    scratch.resize(box.height, box.width);
    draw(sample.pixels, box, scratch.pixels.data());
    const cv::Point corner(i % 2 ? centre_x : centre_x - box.width, i / 2 ? centre_y : centre_y - box.height);
    const cv::Rect whole(corner, cv::Size(box.width, box.height));
    const cv::Rect seen = whole & cv::Rect(0, 0, side, side);
    if (!seen.empty()) as_mat(scratch)(seen - corner).copyTo(canvas(seen));
    add_objects(sample, box.gain, corner.x, corner.y, out.objects);
  }
  for (Object& object : out.objects) object.box = clipped(object.box, side);
}

}  // namespace quench::data
