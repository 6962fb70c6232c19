#include "models/nms.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <span>

#include "core/error.h"

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

void require_finite(const Candidates& candidates, int64_t row) {
  const auto is_finite = [](float value) { return std::isfinite(value); };
  const std::span<const float> box(&candidates.boxes[static_cast<size_t>(4 * row)], 4);
  const auto classes = static_cast<size_t>(candidates.classes);
  const std::span<const float> scores(&candidates.scores[static_cast<size_t>(row) * classes], classes);
  if (std::ranges::all_of(box, is_finite) && std::ranges::all_of(scores, is_finite)) return;
  fail(ErrorKind::data,
       "[models.nms] expected finite boxes and scores, got {:g} {:g} {:g} {:g} with a best score of {:g}", box[0],
       box[1], box[2], box[3], classes == 0 ? 0.0f : *std::ranges::max_element(scores));
}

std::vector<Entry> entries_of(const Candidates& candidates, const NmsOptions& options) {
  std::vector<Entry> entries;
  for (int64_t row = 0; row < candidates.count(); ++row) {
    require_finite(candidates, row);
    const float* scores = &candidates.scores[static_cast<size_t>(row * candidates.classes)];
    Entry best{options.confidence, static_cast<int32_t>(row), -1};
    for (int32_t c = 0; c < candidates.classes; ++c) {
      if (scores[c] <= options.confidence) continue;
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
