#include "metrics_coco_plain.h"

#include <algorithm>
#include <set>

namespace quench::metrics::plain {
namespace {

constexpr double kRanges[4][2] = {{0, 1e10}, {0, 1024}, {1024, 9216}, {9216, 1e10}};

double overlap(const CocoDetection& d, const CocoTruth& g) {
  const double w = std::min(d.x + d.w, g.x + g.w) - std::max(d.x, g.x);
  const double h = std::min(d.y + d.h, g.y + g.h) - std::max(d.y, g.y);
  if (w <= 0 || h <= 0) return 0;
  return w * h / (g.crowd ? d.w * d.h : d.w * d.h + g.w * g.h - w * h);
}

struct Outcome {
  double score;
  bool matched, ignored;
};

/// One image and class: outcomes by descending score, and how many true boxes count.
std::vector<Outcome> match(std::vector<CocoTruth> truths, std::vector<CocoDetection> detections, int range, double iou,
                           size_t most, int64_t& counted) {
  const auto outside = [&](double area) { return area < kRanges[range][0] || area > kRanges[range][1]; };
  const auto ignored = [&](const CocoTruth& g) { return g.crowd || outside(g.area); };
  std::stable_sort(truths.begin(), truths.end(),
                   [&](const CocoTruth& a, const CocoTruth& b) { return ignored(a) < ignored(b); });
  std::stable_sort(detections.begin(), detections.end(),
                   [](const CocoDetection& a, const CocoDetection& b) { return a.score > b.score; });
  if (detections.size() > most) detections.resize(most);
  counted += std::count_if(truths.begin(), truths.end(), [&](const CocoTruth& g) { return !ignored(g); });
  std::vector<bool> taken(truths.size());
  std::vector<Outcome> outcomes;
  for (const CocoDetection& d : detections) {
    double best = iou;
    int found = -1;
    for (int g = 0; g < static_cast<int>(truths.size()); ++g) {
      if (taken[g] && !truths[g].crowd) continue;
      if (found >= 0 && !ignored(truths[found]) && ignored(truths[g])) break;
      if (overlap(d, truths[g]) < best) continue;
      best = overlap(d, truths[g]);
      found = g;
    }
    if (found >= 0) taken[found] = true;
    outcomes.push_back({d.score, found >= 0, found >= 0 ? ignored(truths[found]) : outside(d.w * d.h)});
  }
  return outcomes;
}

struct Curve {
  bool defined = false;
  double precision = 0;  ///< mean over 101 recalls
  double recall = 0;     ///< of all
};

Curve curve(const std::vector<CocoTruth>& truths, const std::vector<CocoDetection>& detections,
            const std::set<int64_t>& images, int64_t category, int range, double iou, size_t most) {
  std::vector<Outcome> all;
  int64_t counted = 0;
  for (const int64_t image : images) {
    std::vector<CocoTruth> here;
    std::vector<CocoDetection> found;
    for (const CocoTruth& g : truths) {
      if (g.image_id == image && g.category_id == category) here.push_back(g);
    }
    for (const CocoDetection& d : detections) {
      if (d.image_id == image && d.category_id == category) found.push_back(d);
    }
    const std::vector<Outcome> outcomes = match(here, found, range, iou, most, counted);
    all.insert(all.end(), outcomes.begin(), outcomes.end());
  }
  Curve result;
  if (counted == 0) return result;
  result.defined = true;
  std::stable_sort(all.begin(), all.end(), [](const Outcome& a, const Outcome& b) { return a.score > b.score; });
  std::vector<double> recalls, precisions;
  double right = 0, wrong = 0;
  for (const Outcome& outcome : all) {
    right += outcome.matched && !outcome.ignored;
    wrong += !outcome.matched && !outcome.ignored;
    recalls.push_back(right / static_cast<double>(counted));
    precisions.push_back(right + wrong > 0 ? right / (right + wrong) : 0);
  }
  for (int i = 0; i <= 100; ++i) {
    double best = 0;  // the highest precision at this recall or a higher one
    for (size_t k = 0; k < recalls.size(); ++k) {
      if (recalls[k] >= i * 0.01) best = std::max(best, precisions[k]);
    }
    result.precision += best / 101;
  }
  result.recall = recalls.empty() ? 0 : recalls.back();
  return result;
}

struct Average {
  double sum = 0;
  int count = 0;
  std::optional<double> value() const { return count ? std::optional<double>(sum / count) : std::nullopt; }
};

}  // namespace

CocoResult evaluate(const std::vector<CocoCategory>& categories, const std::vector<CocoTruth>& truths,
                    const std::vector<CocoDetection>& detections) {
  std::set<int64_t> images;
  for (const CocoTruth& g : truths) images.insert(g.image_id);
  for (const CocoDetection& d : detections) images.insert(d.image_id);
  Average ap[4], ap_at[10], ar[4], ar_most[3];
  CocoResult result;
  for (const CocoCategory& category : categories) {
    CocoClass row;
    row.category_id = category.id;
    Average of_class;
    const auto add = [&](Average& average, double value) {
      average.sum += value;
      ++average.count;
    };
    for (int t = 0; t < 10; ++t) {
      const double iou = t == 9 ? 0.95 : 0.5 + t * ((0.95 - 0.5) / 9);
      for (int range = 0; range < 4; ++range) {
        const Curve c = curve(truths, detections, images, category.id, range, iou, 100);
        if (!c.defined) continue;
        add(ap[range], c.precision);
        add(ar[range], c.recall);
        if (range > 0) continue;
        add(ap_at[t], c.precision);
        add(of_class, c.precision);
        if (t == 0) row.ap50 = c.precision;
        for (int m = 0; m < 3; ++m) {
          const size_t most[] = {1, 10, 100};
          add(ar_most[m], curve(truths, detections, images, category.id, 0, iou, most[m]).recall);
        }
      }
    }
    row.ap = of_class.value();
    result.classes.push_back(row);
  }
  result.map_50_95 = ap[0].value();
  result.map_50 = ap_at[0].value();
  result.map_75 = ap_at[5].value();
  result.map_95 = ap_at[9].value();
  result.map_small = ap[1].value();
  result.map_medium = ap[2].value();
  result.map_large = ap[3].value();
  result.ar_1 = ar_most[0].value();
  result.ar_10 = ar_most[1].value();
  result.ar_100 = ar_most[2].value();
  result.ar_small = ar[1].value();
  result.ar_medium = ar[2].value();
  result.ar_large = ar[3].value();
  return result;
}

}  // namespace quench::metrics::plain
