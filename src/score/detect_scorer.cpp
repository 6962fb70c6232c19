#include "core/error.h"
#include "core/hash.h"
#include "score/detection_scorer.h"
#include "score/scorer.h"

namespace quench::score {
namespace {

class DetectScorer : public Scorer {
 public:
  DetectScorer(models::DetectHead head, std::span<const std::string> classes, const models::NmsOptions& options)
      : scorer_(std::move(head), classes, options) {}

  Answer read(std::span<const Tensor> outputs, int64_t in_batch, const Truth&) const override {
    return {{}, scorer_.find(outputs, in_batch)};
  }
  void add(const Answer& answer, const Truth& truth) override {
    const auto& found = scorer_.add(images_, answer.detections, truth.letterbox, truth.objects);
    std::vector<models::Detection>& shown = shown_.emplace_back(found);
    std::erase_if(shown, [](const models::Detection& d) { return d.score < kShownConfidence; });
    for (const Object& object : truth.objects) {
      const Box& b = object.box;
      truths_ += fmt::format("{} {} {} {} {} {} {} {}\n", images_, object.label, b.x1, b.y1, b.x2, b.y2, object.area,
                             object.crowd);
    }
    ++images_;
  }
  Evaluation result() const override {
    const metrics::CocoOutcomes boxes = scorer_.outcomes();
    return {scorer_.scores(), images_, {}, {}, shown_, metrics::Outcomes{sha256_hex(truths_), {}, boxes}};
  }

 private:
  DetectionScorer scorer_;
  std::vector<std::vector<models::Detection>> shown_;
  std::string truths_;
};

}  // namespace

std::unique_ptr<Scorer> make_detect_scorer(const graph::Graph& graph, std::span<const std::string> classes,
                                           const Json& settings) {
  models::DetectHead head = models::detect_head(graph);
  if (head.class_count() != static_cast<int64_t>(classes.size())) {
    fail(ErrorKind::data, "[score] expected a detector of the data's {} classes, got one of {}", classes.size(),
         head.class_count());
  }
  return std::make_unique<DetectScorer>(std::move(head), classes,
                                        settings.is_null() ? models::NmsOptions{} : nms_options(settings));
}

}  // namespace quench::score
