#include "data/augmentation/detect_picture.h"

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>

#include "core/error.h"
#include "data/pictures/letterbox.h"
#include "data/pictures/picture_mat.h"

namespace quench::data {

Box clipped(const Box& box, int side) {
  const auto inside = [side](double value) { return std::clamp<double>(value, 0, side); };
  return {inside(box.x1), inside(box.y1), inside(box.x2), inside(box.y2)};
}

void add_objects(const Sample& sample, double gain, double dx, double dy, std::vector<Object>& objects) {
  for (Object object : sample.objects) {
    if (object.crowd) continue;
    const Box& box = object.box;
    object.box = {box.x1 * gain + dx, box.y1 * gain + dy, box.x2 * gain + dx, box.y2 * gain + dy};
    object.area *= gain * gain;
    objects.push_back(object);
  }
}

void letterboxed(const Sample& sample, int imgsz, DetectPicture& out) {
  const Shape& shape = sample.pixels.shape();
  ensure(shape.size() == 3, "[data.augment] expected pixels [h,w,3], got {}", to_string(shape));
  const Letterbox box = letterbox(static_cast<int>(shape[0]), static_cast<int>(shape[1]), imgsz, imgsz);
  out.picture.resize(imgsz, imgsz);
  draw(sample.pixels, box, out.picture.pixels.data());
  out.objects.clear();
  add_objects(sample, box.gain, box.left, box.top, out.objects);
  for (Object& object : out.objects) object.box = clipped(object.box, imgsz);
}

void shift_hsv(Picture& picture, const AugmentSettings& settings, Rng& rng, Picture& scratch) {
  if (settings.hsv_h == 0 && settings.hsv_s == 0 && settings.hsv_v == 0) return;
  const double hue = rng.uniform(1 - settings.hsv_h, 1 + settings.hsv_h);
  const double saturation = rng.uniform(1 - settings.hsv_s, 1 + settings.hsv_s);
  const double value = rng.uniform(1 - settings.hsv_v, 1 + settings.hsv_v);
  cv::Mat table(1, 256, CV_8UC3);
  for (int i = 0; i < 256; ++i) {
    table.at<cv::Vec3b>(0, i) =
        cv::Vec3b(static_cast<uint8_t>(std::fmod(i * hue, 180)), static_cast<uint8_t>(std::min(i * saturation, 255.0)),
                  static_cast<uint8_t>(std::min(i * value, 255.0)));
  }
  scratch.resize(picture.height, picture.width);
  cv::Mat rgb = as_mat(picture), hsv = as_mat(scratch);
  cv::cvtColor(rgb, hsv, cv::COLOR_RGB2HSV);
  cv::LUT(hsv, table, hsv);
  cv::cvtColor(hsv, rgb, cv::COLOR_HSV2RGB);
}

void blend(DetectPicture& picture, const DetectPicture& other, double own) {
  Picture& mine = picture.picture;
  ensure(mine.height == other.picture.height && mine.width == other.picture.width,
         "[data.augment] expected pictures of one size, got {}x{} and {}x{}", mine.height, mine.width,
         other.picture.height, other.picture.width);
  const auto weight = static_cast<uint16_t>(std::lround(own * 256));
  const auto rest = static_cast<uint16_t>(256 - weight);
  for (size_t i = 0; i < mine.pixels.size(); ++i) {
    const auto sum = static_cast<uint16_t>(mine.pixels[i] * weight + other.picture.pixels[i] * rest + 128);
    mine.pixels[i] = static_cast<uint8_t>(sum >> 8);
  }
  picture.objects.insert(picture.objects.end(), other.objects.begin(), other.objects.end());
}

void flip_into(DetectPicture& picture, uint8_t* out) {
  const int width = picture.picture.width;
  cv::Mat flipped(picture.picture.height, width, CV_8UC3, out);
  cv::flip(as_mat(picture.picture), flipped, 1);
  for (Object& object : picture.objects) {
    const Box box = object.box;
    object.box.x1 = width - box.x2;
    object.box.x2 = width - box.x1;
  }
}

}  // namespace quench::data
