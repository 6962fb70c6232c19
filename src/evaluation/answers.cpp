#include "evaluation/answers.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <tuple>
#include <utility>

#include "core/error.h"

namespace quench::evaluation {
namespace {

/// The softmax of one row of logits at two places.
std::pair<double, double> softmax_at(std::span<const float> logits, int32_t first, int32_t second) {
  const double highest = *std::ranges::max_element(logits);
  double sum = 0;
  for (const float logit : logits) sum += std::exp(logit - highest);
  const auto share = [&](int32_t place) { return std::exp(logits[static_cast<size_t>(place)] - highest) / sum; };
  return {share(first), share(second)};
}

}  // namespace

void Answers::add(const score::Answer& answer, std::span<const Tensor> outputs, int64_t in_batch, const Truth& truth) {
  ImageAnswer& one = answers_.emplace_back();
  if (labels_ == Labels::image_class) {
    const std::span<const float> logits = outputs[0].values<float>();
    const auto classes = static_cast<size_t>(outputs[0].shape().at(1));
    one.label = truth.label;
    one.prediction = answer.verdict.prediction;
    std::tie(one.confidence, one.of_truth) =
        softmax_at(logits.subspan(static_cast<size_t>(in_batch) * classes, classes), one.prediction, one.label);
    return;
  }
  one.objects = truth.objects;
  for (const models::Detection& found : answer.detections) {
    one.found.push_back({truth.letterbox.to_image(found.box), found.score, found.label});
  }
}

std::vector<ImageAnswer> Answers::finish(int64_t size, const std::vector<LeftOutImage>& left_out) {
  std::set<int64_t> missing;
  for (const LeftOutImage& image : left_out) missing.insert(image.index);
  ensure(static_cast<int64_t>(answers_.size() + missing.size()) == size,
         "[evaluation] expected answers for {} images, got {} and {} left out", size, answers_.size(), missing.size());
  int64_t index = 0;
  for (ImageAnswer& answer : answers_) {
    while (missing.contains(index)) ++index;
    answer.index = index++;
  }
  return std::move(answers_);
}

}  // namespace quench::evaluation
