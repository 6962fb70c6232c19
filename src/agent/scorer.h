#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/tensor.h"
#include "graph/graph.h"
#include "metrics/top_k.h"
#include "models/nms.h"
#include "pack/header.h"
#include "score/detection_scorer.h"

namespace quench::agent {

/// What one image gave: all that scores need of it, so that it can be kept and scored later.
struct ImageResult {
  metrics::TopK::Verdict verdict;             ///< classify
  std::vector<models::Detection> detections;  ///< detect: in pixels of the network's input
  std::string outputs_sha256;                 ///< of the raw outputs; "" where not asked for
  bool operator==(const ImageResult&) const = default;
};

/// From raw outputs over a pack's images to scores, image by image.
class Scorer {
 public:
  /// Both must outlive it. Throws Error{data} where model and pack do not fit (task, image size, classes), and where a
  /// weight is too large to mean anything (graph/magnitude.h).
  Scorer(const graph::Graph& graph, const pack::Header& header, const models::NmsOptions& options, bool digest);

  /// Throws Error{data} where raw outputs are not finite (score/finite.h).
  void check(std::span<const Tensor> outputs) const;
  /// What image `in_batch` of the raw outputs gives, which is image `index` of the pack.
  ImageResult judge(std::span<const Tensor> outputs, int64_t in_batch, int64_t index) const;
  /// Images come in the pack's order.
  void add(const ImageResult& result);

  int64_t images() const { return images_; }
  score::Scores scores() const;
  /// SHA-256 over the images' outputs_sha256 (hex, in order); "" where not asked for.
  std::string outputs_sha256() const;

 private:
  const graph::Graph& graph_;
  const pack::Header& header_;
  bool digest_;
  std::optional<score::DetectionScorer> detections_;
  metrics::TopK top_k_;
  std::string digests_;
  int64_t images_ = 0;
};

}  // namespace quench::agent
