#include "agent/scorer.h"

#include "core/error.h"
#include "core/hash.h"
#include "graph/magnitude.h"
#include "models/task.h"
#include "score/finite.h"

namespace quench::agent {
namespace {

/// One image's share of a tensor [N,...].
std::span<const std::byte> part_of(const Tensor& output, int64_t in_batch) {
  const size_t bytes = output.size_bytes() / static_cast<size_t>(output.shape().at(0));
  return {output.bytes() + static_cast<size_t>(in_batch) * bytes, bytes};
}

void require_size(const graph::Graph& graph, const pack::Header& header) {
  ensure(graph.inputs.size() == 1, "[agent] expected a model with one input, got {}", graph.inputs.size());
  const Shape& shape = graph.edge(graph.inputs[0]).shape;
  if (shape == Shape{1, 3, header.height, header.width}) return;
  fail(ErrorKind::data, "[agent] expected a pack of images [3,{},{}] for this model, got [3,{},{}] ({})",
       shape.size() == 4 ? shape[2] : 0, shape.size() == 4 ? shape[3] : 0, header.height, header.width, header.data);
}

/// Throws Error{data} unless the model is a classifier of that many classes.
void require_classes(const graph::Graph& graph, size_t classes) {
  const Shape shape = graph.outputs.size() == 1 ? graph.edge(graph.outputs[0]).shape : Shape{};
  if (shape == Shape{1, static_cast<int64_t>(classes)}) return;
  fail(ErrorKind::data, "[agent] expected a model with one output [1,{}] for the pack's classes, got {} outputs of {}",
       classes, graph.outputs.size(), to_string(shape));
}

}  // namespace

Scorer::Scorer(const graph::Graph& graph, const pack::Header& header, const models::NmsOptions& options, bool digest)
    : graph_(graph), header_(header), digest_(digest) {
  graph::require_magnitudes(graph);
  models::require_fit(graph, header.task, header.classes);
  require_size(graph, header);
  if (header.task == "detect") {
    detections_.emplace(models::detect_head(graph), header.classes, options);
  } else {
    require_classes(graph, header.classes.size());
  }
}

void Scorer::check(std::span<const Tensor> outputs) const { score::require_finite(outputs, graph_); }

ImageResult Scorer::judge(std::span<const Tensor> outputs, int64_t in_batch, int64_t index) const {
  ImageResult result;
  if (detections_) {
    result.detections = detections_->find(outputs, in_batch);
  } else {
    const std::span<const float> scores = outputs[0].values<float>();
    const size_t classes = header_.classes.size();
    result.verdict = metrics::TopK::judge(scores.subspan(static_cast<size_t>(in_batch) * classes, classes),
                                          header_.labels.at(static_cast<size_t>(index)));
  }
  if (digest_) {
    Sha256 digest;
    for (const Tensor& output : outputs) digest.update(part_of(output, in_batch));
    result.outputs_sha256 = digest.hex();
  }
  return result;
}

void Scorer::add(const ImageResult& result) {
  if (detections_) {
    const pack::Image& image = header_.images.at(static_cast<size_t>(images_));
    detections_->add(images_, result.detections, image.letterbox, image.objects);
  } else {
    top_k_.add(result.verdict);
  }
  if (digest_) digests_ += result.outputs_sha256;
  ++images_;
}

score::Scores Scorer::scores() const {
  if (detections_) return detections_->scores();
  return {{"top1", top_k_.top1()}, {"top5", top_k_.top5()}};
}

std::string Scorer::outputs_sha256() const { return digest_ ? sha256_hex(digests_) : ""; }

}  // namespace quench::agent
