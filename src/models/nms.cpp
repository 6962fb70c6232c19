#include "models/nms.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <utility>

#include "core/error.h"
#include "pixels/target_clones.h"

namespace quench::models {
namespace {

/// A row of the candidates under one of its classes.
struct Entry {
  float score;
  int32_t row;
  int32_t label;  ///< kBest: the first of those with that score
};
constexpr int32_t kBest = -1;

int32_t label_of(const Entry& entry, const Candidates& candidates) {
  if (entry.label != kBest) return entry.label;
  const float* scores = candidates.scores.data() + entry.row * candidates.classes;
  return static_cast<int32_t>(std::find(scores, scores + candidates.classes, entry.score) - scores);
}

bool better(const Entry& a, const Entry& b) {
  if (a.score != b.score) return a.score > b.score;
  return a.row != b.row ? a.row < b.row : a.label < b.label;
}

/// The largest of the values, `least` where none is larger, and a sum that is 0 unless one of them is not finite. Of
/// lanes side by side.
struct Extent {
  float largest;
  float check;
};
using Floats = float __attribute__((vector_size(32)));
constexpr int64_t kLanes = 8;

QUENCH_CLONES Extent extent_of(const float* values, int64_t count, float least) {
  Floats largest = least - Floats{}, check = {};
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    Floats some;
    std::memcpy(&some, values + i, sizeof some);
    largest = some > largest ? some : largest;
    check += some - some;
  }
  Extent out{least, 0};
  for (int64_t lane = 0; lane < kLanes; ++lane) {
    out.largest = largest[lane] > out.largest ? largest[lane] : out.largest;
    out.check += check[lane];
  }
  for (; i < count; ++i) {
    out.largest = values[i] > out.largest ? values[i] : out.largest;
    out.check += values[i] - values[i];
  }
  return out;
}

[[noreturn]] void refuse(std::span<const float> box, std::span<const float> scores) {
  fail(ErrorKind::data,
       "[models.nms] expected finite boxes and scores, got {:g} {:g} {:g} {:g} with a best score of {:g}", box[0],
       box[1], box[2], box[3], scores.empty() ? 0.0f : *std::ranges::max_element(scores));
}

/// Those above the threshold, the best max_candidates of them, in no order; with multi_label false their class is left
/// to be looked up, for few of them are looked at.
std::vector<Entry> entries_of(const Candidates& candidates, const NmsOptions& options) {
  const auto classes = static_cast<size_t>(candidates.classes);
  std::vector<Entry> entries;
  for (int64_t row = 0; row < candidates.count(); ++row) {
    const float* scores = candidates.scores.data() + row * candidates.classes;
    const float* box = &candidates.boxes[static_cast<size_t>(4 * row)];
    float check = 0;
    for (int i = 0; i < 4; ++i) check += box[i] - box[i];
    const auto [best, scores_check] = extent_of(scores, candidates.classes, options.confidence);
    if (!(check + scores_check == 0)) refuse({box, 4}, {scores, classes});
    if (!(best > options.confidence)) continue;
    if (options.multi_label) {
      for (int32_t c = 0; c < candidates.classes; ++c) {
        if (scores[c] > options.confidence) entries.push_back({scores[c], static_cast<int32_t>(row), c});
      }
    } else {
      entries.push_back({best, static_cast<int32_t>(row), kBest});
    }
  }
  const auto wanted = static_cast<size_t>(std::max<int64_t>(0, options.max_candidates));
  if (entries.size() > wanted) {
    std::nth_element(entries.begin(), entries.begin() + static_cast<std::ptrdiff_t>(wanted), entries.end(), better);
    entries.resize(wanted);
  }
  return entries;
}

/// Entries from the best on, sorted as they are asked for: suppression mostly has what it keeps long before the last.
class BestFirst {
 public:
  BestFirst(std::vector<Entry> entries, size_t part) : entries_(std::move(entries)), part_(part) {}
  /// Null at the end.
  const Entry* next() {
    if (at_ == sorted_) sort_more();
    return at_ < sorted_ ? &entries_[at_++] : nullptr;
  }

 private:
  void sort_more() {
    const auto place = [&](size_t i) { return entries_.begin() + static_cast<std::ptrdiff_t>(i); };
    const size_t end = std::min(entries_.size(), sorted_ + part_);
    if (end < entries_.size()) std::nth_element(place(sorted_), place(end), entries_.end(), better);
    std::sort(place(sorted_), place(end), better);
    sorted_ = end;
    part_ *= 4;  // each part looks at all that is left: few parts
  }

  std::vector<Entry> entries_;
  size_t part_;
  size_t at_ = 0, sorted_ = 0;
};

}  // namespace

std::vector<Detection> non_max_suppression(const Candidates& candidates, const NmsOptions& options) {
  std::vector<Detection> kept;
  // By class; one list where classes do not matter.
  std::vector<std::vector<Box>> kept_of(static_cast<size_t>(options.class_agnostic ? 1 : candidates.classes));
  const auto most = std::max<int64_t>(0, options.max_detections);
  BestFirst entries(entries_of(candidates, options), static_cast<size_t>(2 * std::min<int64_t>(most, 30000) + 64));
  while (static_cast<int64_t>(kept.size()) < most) {
    const Entry* entry = entries.next();
    if (!entry) break;
    const float* box = &candidates.boxes[static_cast<size_t>(4 * entry->row)];
    const Box wanted{box[0], box[1], box[2], box[3]};
    const int32_t label = label_of(*entry, candidates);
    std::vector<Box>& rivals = kept_of[options.class_agnostic ? 0 : static_cast<size_t>(label)];
    const auto covers = [&](const Box& rival) { return iou(rival, wanted) > options.iou; };
    if (std::any_of(rivals.begin(), rivals.end(), covers)) continue;
    rivals.push_back(wanted);
    kept.push_back({wanted, entry->score, label});
  }
  return kept;
}

}  // namespace quench::models
