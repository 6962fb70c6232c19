#include "evaluation/answers.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <tuple>
#include <utility>

#include "core/byte_string.h"
#include "core/error.h"
#include "score/answer_bytes.h"

namespace quench::evaluation {
namespace {

constexpr const char* kForm = "answers of a page 1";

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

std::string Answers::bytes() const {
  ByteWriter out(kForm);
  out.number(static_cast<int64_t>(answers_.size()));
  for (const ImageAnswer& answer : answers_) {
    out.number(answer.label);
    out.number(answer.prediction);
    out.real(answer.confidence);
    out.real(answer.of_truth);
    score::write_truth(out, Truth{.objects = answer.objects});
    out.number(static_cast<int64_t>(answer.found.size()));
    for (const metrics::FoundBox& found : answer.found) {
      for (const double value : {found.box.x1, found.box.y1, found.box.x2, found.box.y2}) out.real(value);
      out.real(found.score);
      out.number(found.label);
    }
  }
  return out.take();
}

void Answers::add_bytes(const std::string& bytes) {
  ByteReader in(bytes, kForm);
  for (int64_t images = in.count(); images > 0; --images) {
    ImageAnswer& answer = answers_.emplace_back();
    answer.label = static_cast<int32_t>(in.number());
    answer.prediction = static_cast<int32_t>(in.number());
    answer.confidence = in.real_double();
    answer.of_truth = in.real_double();
    answer.objects = score::read_truth(in).objects;
    for (int64_t boxes = in.count(); boxes > 0; --boxes) {
      metrics::FoundBox& found = answer.found.emplace_back();
      for (double* value : {&found.box.x1, &found.box.y1, &found.box.x2, &found.box.y2}) *value = in.real_double();
      found.score = in.real_double();
      found.label = static_cast<int32_t>(in.number());
    }
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
