#include <algorithm>

#include "core/clock.h"
#include "models/decode.h"
#include "pixels/planes.h"
#include "prediction/picture_reader.h"
#include "score/detection_scorer.h"

namespace quench::prediction {
namespace {

class DetectReader : public PictureReader {
 public:
  DetectReader(models::DetectHead head, InputSize input, const models::NmsOptions& nms, bool rect)
      : head_(std::move(head)), input_(input), nms_(nms), rect_(rect) {}

  Letterbox fit(int height, int width) const override {
    if (!rect_) return letterbox(height, width, input_.height, input_.width);
    return rect_letterbox(height, width, std::max(input_.height, input_.width),
                          static_cast<int>(*std::ranges::max_element(head_.strides)));
  }
  void fill(const Tensor& pixels, const Letterbox& fitted, Tensor& input) override {
    planes_.fill(pixels, fitted, input);
  }
  void read(std::span<const Tensor> outputs, const Letterbox& fitted, Prediction& prediction) const override {
    const models::Candidates candidates = models::decode(head_, outputs, 0, nms_.confidence);
    const int64_t start = now_ns();
    prediction.detections = models::non_max_suppression(candidates, nms_);
    prediction.suppression_ns = now_ns() - start;
    for (models::Detection& found : prediction.detections) found.box = fitted.to_image(found.box);
  }

 private:
  models::DetectHead head_;
  InputSize input_;
  models::NmsOptions nms_;
  bool rect_;
  pixels::CanvasPlanes planes_;
};

}  // namespace

std::unique_ptr<PictureReader> make_detect_reader(const graph::Graph& graph, InputSize input, const Json& options) {
  return std::make_unique<DetectReader>(models::detect_head(graph), input, score::nms_options(options),
                                        options["rect"].get<bool>());
}

}  // namespace quench::prediction
