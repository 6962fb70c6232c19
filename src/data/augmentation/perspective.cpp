#include "data/augmentation/perspective.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <opencv2/imgproc.hpp>
#include <utility>

#include "data/pictures/letterbox.h"
#include "data/pictures/picture_mat.h"

namespace quench::data {
namespace {

constexpr double kDeepest = 0.8;  // what perspective may take off the denominator, which is 1 at the centre

cv::Matx33d moved(double dx, double dy) { return cv::Matx33d(1, 0, dx, 0, 1, dy, 0, 0, 1); }

double radians(double degrees) { return degrees * std::numbers::pi / 180; }

}  // namespace

View random_view(const AugmentSettings& settings, int source_side, int output_side, Rng& rng) {
  const double half = source_side / 2.0;
  double px = rng.uniform(-settings.perspective, settings.perspective);
  double py = rng.uniform(-settings.perspective, settings.perspective);
  const double depth = (std::abs(px) + std::abs(py)) * half;
  if (depth > kDeepest) {
    px *= kDeepest / depth;
    py *= kDeepest / depth;
  }
  const double turn = radians(rng.uniform(-settings.degrees, settings.degrees));
  View view;
  view.scale = rng.uniform(1 - settings.scale, 1 + settings.scale);
  const double cosine = view.scale * std::cos(turn), sine = view.scale * std::sin(turn);
  const double shear_x = std::tan(radians(rng.uniform(-settings.shear, settings.shear)));
  const double shear_y = std::tan(radians(rng.uniform(-settings.shear, settings.shear)));
  const double x = rng.uniform(0.5 - settings.translate, 0.5 + settings.translate) * output_side;
  const double y = rng.uniform(0.5 - settings.translate, 0.5 + settings.translate) * output_side;
  const cv::Matx33d perspective(1, 0, 0, 0, 1, 0, px, py, 1);
  const cv::Matx33d rotation(cosine, sine, 0, -sine, cosine, 0, 0, 0, 1);
  const cv::Matx33d shear(1, shear_x, 0, shear_y, 1, 0, 0, 0, 1);
  const cv::Matx33d all = moved(x, y) * shear * rotation * perspective * moved(-half, -half);
  std::copy_n(all.val, 9, view.matrix.begin());
  return view;
}

Box transformed(const Box& box, const View& view) {
  const auto& m = view.matrix;
  double xs[4], ys[4];
  for (int corner = 0; corner < 4; ++corner) {
    const double x = corner % 2 ? box.x2 : box.x1, y = corner / 2 ? box.y2 : box.y1;
    const double w = m[6] * x + m[7] * y + m[8];
    xs[corner] = (m[0] * x + m[1] * y + m[2]) / w;
    ys[corner] = (m[3] * x + m[4] * y + m[5]) / w;
  }
  const auto [left, right] = std::minmax_element(xs, xs + 4);
  const auto [top, bottom] = std::minmax_element(ys, ys + 4);
  return {*left, *top, *right, *bottom};
}

bool worth_training(const Box& before, const Box& after) {
  const double w = after.width(), h = after.height();
  return w > 2 && h > 2 && w < 100 * h && h < 100 * w && w * h > 0.1 * before.area();
}

void see(const View& view, int side, DetectPicture& picture, Picture& scratch) {
  Picture& pixels = picture.picture;
  if (view.matrix != View{}.matrix || pixels.height != side || pixels.width != side) {
    scratch.resize(side, side);
    const cv::Mat from = as_mat(pixels);
    cv::Mat to = as_mat(scratch);
    // OpenCV's coordinates are those of pixel centres.
    const cv::Matx33d m = moved(-0.5, -0.5) * cv::Matx33d(view.matrix.data()) * moved(0.5, 0.5);
    const cv::Scalar gray = cv::Scalar::all(kPadding);
    if (m(2, 0) == 0 && m(2, 1) == 0) {
      const cv::Matx23d affine(m(0, 0), m(0, 1), m(0, 2), m(1, 0), m(1, 1), m(1, 2));
      cv::warpAffine(from, to, affine, to.size(), cv::INTER_LINEAR, cv::BORDER_CONSTANT, gray);
    } else {
      cv::warpPerspective(from, to, m, to.size(), cv::INTER_LINEAR, cv::BORDER_CONSTANT, gray);
    }
    std::swap(pixels, scratch);
  }
  std::vector<Object> seen;
  for (Object object : picture.objects) {
    const Box& old = object.box;
    const Box before{old.x1 * view.scale, old.y1 * view.scale, old.x2 * view.scale, old.y2 * view.scale};
    const Box after = clipped(transformed(old, view), side);
    if (!worth_training(before, after)) continue;
    object.box = after;
    object.area = after.area();
    seen.push_back(object);
  }
  picture.objects = std::move(seen);
}

}  // namespace quench::data
