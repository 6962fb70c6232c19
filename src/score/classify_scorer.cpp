#include <algorithm>

#include "core/error.h"
#include "core/hash.h"
#include "score/scorer.h"

namespace quench::score {
namespace {

/// Throws Error{data} unless the model is a classifier of that many classes.
void require_classes(const graph::Graph& graph, size_t classes) {
  const Shape shape = graph.outputs.size() == 1 ? graph.edge(graph.outputs[0]).shape : Shape{};
  if (shape == Shape{1, static_cast<int64_t>(classes)}) return;
  fail(ErrorKind::data, "[score] expected a model with one output [1,{}] for the data's classes, got {} outputs of {}",
       classes, graph.outputs.size(), to_string(shape));
}

class ClassifyScorer : public Scorer {
 public:
  explicit ClassifyScorer(size_t classes) : classes_(classes) {}

  Answer read(std::span<const Tensor> outputs, int64_t in_batch, const Truth& truth) const override {
    const std::span<const float> scores = outputs[0].values<float>();
    const size_t first = static_cast<size_t>(in_batch) * classes_;
    ensure(first + classes_ <= scores.size(), "[score] expected scores of {} classes, got {}", classes_,
           to_string(outputs[0].shape()));
    return {metrics::TopK::judge(scores.subspan(first, classes_), truth.label), {}};
  }
  void add(const Answer& answer, const Truth& truth) override {
    constexpr int32_t kMost = 5;
    top_k_.add(answer.verdict);
    const int32_t ahead = answer.verdict.ahead;
    ahead_.push_back(static_cast<uint8_t>(ahead < 0 ? kMost : std::min(ahead, kMost)));
    labels_ += fmt::format("{}\n", truth.label);
    ++images_;
  }
  Evaluation result() const override {
    return {{{"top1", top_k_.top1()}, {"top5", top_k_.top5()}}, images_, {}, top_k_.predictions(), {},
            metrics::Outcomes{sha256_hex(labels_), ahead_, {}}};
  }

 private:
  size_t classes_;
  metrics::TopK top_k_;
  std::vector<uint8_t> ahead_;
  std::string labels_;
};

}  // namespace

std::unique_ptr<Scorer> make_classify_scorer(const graph::Graph& graph, std::span<const std::string> classes,
                                             const Json&) {
  require_classes(graph, classes.size());
  return std::make_unique<ClassifyScorer>(classes.size());
}

}  // namespace quench::score
