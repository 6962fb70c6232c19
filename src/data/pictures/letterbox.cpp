#include "data/pictures/letterbox.h"

#include <opencv2/imgproc.hpp>

#include "core/error.h"

namespace quench::data {

void draw(const Tensor& pixels, const Letterbox& box, uint8_t* out) {
  ensure(pixels.dtype() == DType::u8 && pixels.shape() == Shape{box.image_height, box.image_width, 3},
         "[data.letterbox] expected uint8 pixels [{},{},3], got {} {}", box.image_height, box.image_width,
         to_string(pixels.dtype()), to_string(pixels.shape()));
  const cv::Mat source(box.image_height, box.image_width, CV_8UC3,
                       const_cast<uint8_t*>(pixels.values<uint8_t>().data()));
  cv::Mat canvas(box.canvas_height, box.canvas_width, CV_8UC3, out);
  if (box.height < box.canvas_height || box.width < box.canvas_width) canvas.setTo(cv::Scalar::all(kPadding));
  cv::Mat inside = canvas(cv::Rect(box.left, box.top, box.width, box.height));
  cv::resize(source, inside, inside.size(), 0, 0, cv::INTER_LINEAR);  // into the canvas: the size is right already
}

}  // namespace quench::data
