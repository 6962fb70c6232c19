#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/error.h"
#include "models/preparation.h"
#include "pixels/fit.h"
#include "pixels/planes.h"
#include "prediction/picture_reader.h"

namespace quench::prediction {
namespace {

constexpr size_t kTop = 5;

/// The likeliest classes of one row of logits, `most` of them at most.
std::vector<ClassScore> top_classes(std::span<const float> logits, size_t most) {
  std::vector<int32_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  const size_t count = std::min(most, order.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count), order.end(),
                    [&](int32_t a, int32_t b) { return logits[a] != logits[b] ? logits[a] > logits[b] : a < b; });
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - logits[order[0]]);
  std::vector<ClassScore> top;
  for (size_t i = 0; i < count; ++i) {
    const double share = std::exp(static_cast<double>(logits[order[i]]) - logits[order[0]]) / sum;
    top.push_back({order[i], static_cast<float>(share)});
  }
  return top;
}

class ClassifyReader : public PictureReader {
 public:
  ClassifyReader(int side, const pixels::Preparation& preparation, size_t top)
      : side_(side), preparation_(preparation), top_(top) {}

  Letterbox fit(int height, int width) const override {
    return {.image_height = height, .image_width = width, .canvas_height = side_, .canvas_width = side_};
  }
  void fill(const Tensor& pixels, const Letterbox&, Tensor& input) override {
    pixels::to_planes(pixels::fit_image(pixels, side_, preparation_), input);
  }
  void read(std::span<const Tensor> outputs, const Letterbox&, Prediction& prediction) const override {
    const Shape& shape = outputs[0].shape();
    if (shape.size() != 2 || shape[0] != 1) {
      fail(ErrorKind::data, "[prediction] expected scores [1,classes], got {}", to_string(shape));
    }
    const std::span<const float> logits = outputs[0].values<float>();
    prediction.top = top_classes(logits, top_);
  }

 private:
  int side_;
  pixels::Preparation preparation_;
  size_t top_;
};

}  // namespace

std::unique_ptr<PictureReader> make_classify_reader(const graph::Graph& graph, InputSize input, const Json& options) {
  if (input.height != input.width) {
    fail(ErrorKind::unsupported, "[prediction] expected a classifier with a square input, got {}x{}", input.height,
         input.width);
  }
  return std::make_unique<ClassifyReader>(input.width, models::preparation_of(graph), options.value("top", kTop));
}

}  // namespace quench::prediction
