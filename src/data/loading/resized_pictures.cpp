#include "data/loading/resized_pictures.h"

#include "core/error.h"
#include "data/pictures/letterbox.h"

namespace quench::data {
namespace {

Sample resized(const Sample& sample, int side) {
  const Shape& shape = sample.pixels.shape();
  ensure(shape.size() == 3, "[data.resized_pictures] expected pixels [h,w,3], got {}", to_string(shape));
  // Without a margin: rect_letterbox pads to a multiple of one pixel.
  const Letterbox box = rect_letterbox(static_cast<int>(shape[0]), static_cast<int>(shape[1]), side, 1);
  Sample out{Tensor(DType::u8, {box.height, box.width, 3}), sample.label, sample.objects};
  draw(sample.pixels, box, out.pixels.mutable_values<uint8_t>().data());
  for (Object& object : out.objects) {
    object.box = {object.box.x1 * box.gain, object.box.y1 * box.gain, object.box.x2 * box.gain,
                  object.box.y2 * box.gain};
    object.area *= box.gain * box.gain;
  }
  return out;
}

}  // namespace

Sample ResizedPictures::at(const Dataset& dataset, int64_t index) {
  return kept_.get(index, [&] { return resized(dataset.at(index), side_); });
}

}  // namespace quench::data
