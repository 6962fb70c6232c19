#include "core/error.h"
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
    ++images_;
  }
  Evaluation result() const override { return {scorer_.scores(), images_, {}, {}, shown_}; }

 private:
  DetectionScorer scorer_;
  std::vector<std::vector<models::Detection>> shown_;
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
