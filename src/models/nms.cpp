#include "models/nms.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace quench::models {
namespace {

/// A row of the candidates under one of its classes.
struct Entry {
  float score;
  int32_t row;
  int32_t label;
};

bool better(const Entry& a, const Entry& b) {
  if (a.score != b.score) return a.score > b.score;
  return a.row != b.row ? a.row < b.row : a.label < b.label;
}

bool finite_box(const float* box) {
  return std::isfinite(box[0]) && std::isfinite(box[1]) && std::isfinite(box[2]) && std::isfinite(box[3]);
}

std::vector<Entry> entries_of(const Candidates& candidates, const NmsOptions& options) {
  std::vector<Entry> entries;
  for (int64_t row = 0; row < candidates.count(); ++row) {
    if (!finite_box(&candidates.boxes[static_cast<size_t>(4 * row)])) continue;
    const float* scores = &candidates.scores[static_cast<size_t>(row * candidates.classes)];
    Entry best{options.confidence, static_cast<int32_t>(row), -1};
    for (int32_t c = 0; c < candidates.classes; ++c) {
      if (!(scores[c] > options.confidence)) continue;  // NaN too
      if (options.multi_label) {
        entries.push_back({scores[c], best.row, c});
      } else if (scores[c] > best.score) {
        best = {scores[c], best.row, c};
      }
    }
    if (best.label >= 0) entries.push_back(best);
  }
  const auto wanted = static_cast<size_t>(std::max<int64_t>(0, options.max_candidates));
  if (entries.size() > wanted) {
    std::nth_element(entries.begin(), entries.begin() + static_cast<std::ptrdiff_t>(wanted), entries.end(), better);
    entries.resize(wanted);
  }
  std::sort(entries.begin(), entries.end(), better);
  return entries;
}

}  // namespace

std::vector<Detection> non_max_suppression(const Candidates& candidates, const NmsOptions& options) {
  std::vector<Detection> kept;
  std::map<int32_t, std::vector<Box>> kept_of;  // by class; one list where classes do not matter
  for (const Entry& entry : entries_of(candidates, options)) {
    if (static_cast<int64_t>(kept.size()) >= options.max_detections) break;
    const float* box = &candidates.boxes[static_cast<size_t>(4 * entry.row)];
    const Box wanted{box[0], box[1], box[2], box[3]};
    std::vector<Box>& rivals = kept_of[options.class_agnostic ? 0 : entry.label];
    const auto covers = [&](const Box& rival) { return iou(rival, wanted) > options.iou; };
    if (std::any_of(rivals.begin(), rivals.end(), covers)) continue;
    rivals.push_back(wanted);
    kept.push_back({wanted, entry.score, entry.label});
  }
  return kept;
}

}  // namespace quench::models
