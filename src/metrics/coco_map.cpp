#include "metrics/coco_map.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <span>

#include "core/error.h"
#include "metrics/coco_groups.h"
#include "metrics/coco_match.h"

namespace quench::metrics {
namespace {

constexpr std::array<int, 3> kMostDetections{1, 10, kCocoMostDetections};
constexpr int kAll = 0;  // the size range

/// A value for each IoU threshold.
using ByIou = std::array<double, kCocoThresholds>;

double mean_of(const ByIou& values) { return std::accumulate(values.begin(), values.end(), 0.0) / values.size(); }

/// Mean over the classes that have a value.
class Mean {
 public:
  void add(double value) {
    sum_ += value;
    ++count_;
  }
  std::optional<double> value() const {
    return count_ ? std::optional<double>(sum_ / static_cast<double>(count_)) : std::nullopt;
  }

 private:
  double sum_ = 0;
  int64_t count_ = 0;
};

struct Means {
  Mean map_50, map_75, map_95;
  std::array<Mean, kCocoAreas> map_area, ar_area;
  std::array<Mean, kMostDetections.size()> ar_most;
};

/// AP of the detections of one class, by descending score.
class AveragePrecision {
 public:
  ByIou operator()(std::span<const CocoMatch> matches, int area, int64_t truths) {
    find_precisions(matches, area);
    ByIou values{};
    for (int t = 0; t < kCocoThresholds; ++t) values[t] = average(precision_[t], truths);
    return values;
  }

 private:
  /// precision_[t][n]: precision where the (n+1)-th right detection has come. At no other place is the curve's
  /// envelope higher, or recall new.
  void find_precisions(std::span<const CocoMatch> matches, int area) {
    constexpr double kSpacing = std::numeric_limits<double>::epsilon();  // COCOeval guards 0 / 0 so
    for (std::vector<double>& values : precision_) values.clear();
    int64_t wrong_everywhere = 0;
    std::array<int64_t, kCocoThresholds> wrong{};
    for (const CocoMatch& match : matches) {
      const unsigned matched = match.matched[area], ignored = match.ignored[area];
      if ((matched | ignored) == 0) {
        ++wrong_everywhere;
        continue;
      }
      if (ignored == kCocoAllThresholds) continue;
      const unsigned hit = matched & ~ignored, miss = ~(matched | ignored);
      for (int t = 0; t < kCocoThresholds; ++t) {
        wrong[t] += miss >> t & 1u;
        if (!(hit >> t & 1u)) continue;
        const auto right = static_cast<double>(precision_[t].size() + 1);
        precision_[t].push_back(right / (static_cast<double>(wrong[t] + wrong_everywhere) + right + kSpacing));
      }
    }
  }

  static double average(std::vector<double>& precision, int64_t truths) {
    for (size_t i = precision.size(); i-- > 1;) precision[i - 1] = std::max(precision[i - 1], precision[i]);
    double sum = 0;
    size_t right = 0;  // index of the first right detection that reaches the recall
    for (const double recall : kCocoRecall) {
      while (right < precision.size() && static_cast<double>(right + 1) / static_cast<double>(truths) < recall) ++right;
      if (right == precision.size()) break;
      sum += precision[right];
    }
    return sum / kCocoRecalls;
  }

  std::array<std::vector<double>, kCocoThresholds> precision_;
};

/// Share of the true boxes found by the best `most` detections of each image.
ByIou recall_of(std::span<const CocoMatch> matches, int area, int most, int64_t truths) {
  std::array<int64_t, kCocoThresholds> right{};
  for (const CocoMatch& match : matches) {
    const unsigned hit = match.matched[area] & ~match.ignored[area];
    if (hit == 0 || match.rank >= most) continue;
    for (int t = 0; t < kCocoThresholds; ++t) right[t] += hit >> t & 1u;
  }
  ByIou values{};
  for (int t = 0; t < kCocoThresholds; ++t) values[t] = static_cast<double>(right[t]) / static_cast<double>(truths);
  return values;
}

/// Evaluates one class after the other.
class Classes {
 public:
  CocoClass evaluate(const CocoCategory& category, std::span<const CocoTruth> truths,
                     std::span<const CocoDetection> detections) {
    match_images(truths, detections, matcher_, matches_);
    std::array<int64_t, kCocoAreas> counted{};
    for (const CocoTruth& truth : truths) {
      const unsigned outside = outside_areas(truth.area);
      for (int a = 0; a < kCocoAreas; ++a) counted[a] += !truth.crowd && !(outside >> a & 1u);
    }
    CocoClass row{.category_id = category.id, .name = category.name, .ap = {}, .ap50 = {}};
    row.truths = std::ranges::count(truths, false, &CocoTruth::crowd);
    row.detections = static_cast<int64_t>(detections.size());
    for (int a = 0; a < kCocoAreas; ++a) {
      if (counted[a] == 0) continue;
      const ByIou ap = average_precision_(matches_, a, counted[a]);
      means_.map_area[a].add(mean_of(ap));
      means_.ar_area[a].add(mean_of(recall_of(matches_, a, kCocoMostDetections, counted[a])));
      if (a != kAll) continue;
      means_.map_50.add(ap[0]);
      means_.map_75.add(ap[5]);
      means_.map_95.add(ap[9]);
      for (size_t m = 0; m < kMostDetections.size(); ++m) {
        means_.ar_most[m].add(mean_of(recall_of(matches_, a, kMostDetections[m], counted[a])));
      }
      row.ap = mean_of(ap);
      row.ap50 = ap[0];
    }
    return row;
  }

  const Means& means() const { return means_; }

 private:
  CocoMatcher matcher_;
  std::vector<CocoMatch> matches_;
  AveragePrecision average_precision_;
  Means means_;
};

template <typename T>
bool finite_box(const T& box) {
  return std::isfinite(box.x) && std::isfinite(box.y) && std::isfinite(box.w) && std::isfinite(box.h);
}

}  // namespace

std::vector<std::pair<std::string, std::optional<double>>> figures(const CocoResult& r) {
  return {{"map_50_95", r.map_50_95}, {"map_50", r.map_50},       {"map_75", r.map_75},
          {"map_95", r.map_95},       {"map_small", r.map_small}, {"map_medium", r.map_medium},
          {"map_large", r.map_large}, {"ar_1", r.ar_1},           {"ar_10", r.ar_10},
          {"ar_100", r.ar_100},       {"ar_small", r.ar_small},   {"ar_medium", r.ar_medium},
          {"ar_large", r.ar_large}};
}

CocoEvaluation::CocoEvaluation(std::vector<CocoCategory> categories) : categories_(std::move(categories)) {
  std::ranges::stable_sort(categories_, {}, &CocoCategory::id);
  const auto twice = std::ranges::adjacent_find(categories_, {}, &CocoCategory::id);
  if (twice != categories_.end()) {
    fail(ErrorKind::data, "[metrics.coco_map] expected categories with different ids, got id {} twice ('{}', '{}')",
         twice->id, twice->name, (twice + 1)->name);
  }
}

bool CocoEvaluation::evaluated(int64_t category_id) const {
  const auto found = std::ranges::lower_bound(categories_, category_id, {}, &CocoCategory::id);
  return found != categories_.end() && found->id == category_id;
}

void CocoEvaluation::add_image(int64_t image_id) {
  if (images_.empty() || images_.back() != image_id) images_.push_back(image_id);
}

void CocoEvaluation::add_truth(const CocoTruth& truth) {
  if (!finite_box(truth) || !std::isfinite(truth.area)) {
    fail(ErrorKind::data,
         "[metrics.coco_map] expected a finite box and area, got [{},{},{},{}] and {} (image {}, category {})", truth.x,
         truth.y, truth.w, truth.h, truth.area, truth.image_id, truth.category_id);
  }
  add_image(truth.image_id);
  if (evaluated(truth.category_id)) truths_.push_back(truth);
}

void CocoEvaluation::add_detection(const CocoDetection& detection) {
  add_image(detection.image_id);
  if (!finite_box(detection) || !std::isfinite(detection.score)) {
    ++invalid_;
  } else if (!evaluated(detection.category_id)) {
    ++unknown_;
  } else {
    detections_.push_back(detection);
  }
}

std::vector<int64_t> CocoEvaluation::image_ids() const {
  std::vector<int64_t> ids = images_;
  std::ranges::sort(ids);
  ids.erase(std::ranges::unique(ids).begin(), ids.end());
  return ids;
}

void CocoEvaluation::for_each_class(const ClassFunction& function) const {
  const std::vector<CocoTruth> truths = grouped(truths_, [](const CocoTruth&, const CocoTruth&) { return false; });
  const std::vector<CocoDetection> detections =
      grouped(detections_, [](const CocoDetection& a, const CocoDetection& b) { return a.score > b.score; });
  std::span<const CocoTruth> truths_left = truths;
  std::span<const CocoDetection> detections_left = detections;
  for (const CocoCategory& category : categories_) {
    const auto of_class = [&](const auto& element) { return element.category_id == category.id; };
    const std::span<const CocoTruth> true_boxes = take_while(truths_left, of_class);
    function(category, true_boxes, take_while(detections_left, of_class));
  }
}

CocoResult CocoEvaluation::evaluate() const {
  CocoResult result;
  Classes classes;
  for_each_class(
      [&](const CocoCategory& category, std::span<const CocoTruth> truths, std::span<const CocoDetection> detections) {
        result.classes.push_back(classes.evaluate(category, truths, detections));
      });
  const Means& means = classes.means();
  result.map_50_95 = means.map_area[kAll].value();
  result.map_50 = means.map_50.value();
  result.map_75 = means.map_75.value();
  result.map_95 = means.map_95.value();
  result.map_small = means.map_area[1].value();
  result.map_medium = means.map_area[2].value();
  result.map_large = means.map_area[3].value();
  result.ar_1 = means.ar_most[0].value();
  result.ar_10 = means.ar_most[1].value();
  result.ar_100 = means.ar_most[2].value();
  result.ar_small = means.ar_area[1].value();
  result.ar_medium = means.ar_area[2].value();
  result.ar_large = means.ar_area[3].value();

  result.images = static_cast<int64_t>(image_ids().size());
  result.crowds = std::ranges::count(truths_, true, &CocoTruth::crowd);
  result.truths = static_cast<int64_t>(truths_.size()) - result.crowds;
  result.detections = static_cast<int64_t>(detections_.size());
  result.invalid = invalid_;
  result.unknown = unknown_;
  return result;
}

}  // namespace quench::metrics
