#include "metrics/confusion.h"

#include <algorithm>
#include <functional>
#include <numeric>

#include "core/error.h"

namespace quench::metrics {
namespace {

int64_t& cell(Confusion& confusion, int64_t truth, int64_t predicted) {
  const auto in_range = [&](int64_t label) { return label >= 0 && label < confusion.side(); };
  ensure(in_range(truth) && in_range(predicted), "[metrics.confusion] expected classes in [0,{}), got {} and {}",
         confusion.side(), truth, predicted);
  return confusion.counts[static_cast<size_t>(truth * confusion.side() + predicted)];
}

/// The share of a found box that a crowd covers.
double covered(const Box& box, const Box& crowd) { return box.area() > 0 ? intersection(box, crowd) / box.area() : 0; }

bool in_crowd(const FoundBox& found, std::span<const Object> truths, double share) {
  return std::ranges::any_of(truths, [&](const Object& truth) {
    return truth.crowd && truth.label == found.label && covered(found.box, truth.box) >= share;
  });
}

}  // namespace

Confusion class_confusion(std::span<const int32_t> labels, std::span<const int32_t> predictions, int64_t classes) {
  ensure(labels.size() == predictions.size(),
         "[metrics.confusion] expected as many predictions as labels, got {} and {}", predictions.size(),
         labels.size());
  Confusion confusion{classes, false, std::vector<int64_t>(static_cast<size_t>(classes * classes))};
  for (size_t i = 0; i < labels.size(); ++i) ++cell(confusion, labels[i], predictions[i]);
  return confusion;
}

Confusion box_confusion(int64_t classes) {
  return {classes, true, std::vector<int64_t>(static_cast<size_t>((classes + 1) * (classes + 1)))};
}

void add_boxes(Confusion& confusion, std::span<const Object> truths, std::span<const FoundBox> found) {
  struct Pair {
    size_t truth, found;
    double iou;
  };
  std::vector<Pair> pairs;
  for (size_t f = 0; f < found.size(); ++f) {
    if (!(found[f].score > kConfusionConfidence)) continue;
    for (size_t t = 0; t < truths.size(); ++t) {
      const double overlap = truths[t].crowd ? 0 : iou(truths[t].box, found[f].box);
      if (overlap > kConfusionIou) pairs.push_back({t, f, overlap});
    }
  }
  std::ranges::stable_sort(pairs, std::greater{}, &Pair::iou);
  std::vector<bool> truth_taken(truths.size()), found_taken(found.size());
  for (const Pair& pair : pairs) {
    if (truth_taken[pair.truth] || found_taken[pair.found]) continue;
    truth_taken[pair.truth] = found_taken[pair.found] = true;
    ++cell(confusion, truths[pair.truth].label, found[pair.found].label);
  }
  for (size_t t = 0; t < truths.size(); ++t) {
    if (!truths[t].crowd && !truth_taken[t]) ++cell(confusion, truths[t].label, confusion.classes);
  }
  for (size_t f = 0; f < found.size(); ++f) {
    if (found_taken[f] || !(found[f].score > kConfusionConfidence)) continue;
    if (!in_crowd(found[f], truths, kConfusionIou)) ++cell(confusion, confusion.classes, found[f].label);
  }
}

std::vector<Confused> most_confused(const Confusion& confusion, size_t most) {
  std::vector<Confused> all;
  for (int64_t t = 0; t < confusion.side(); ++t) {
    for (int64_t p = 0; p < confusion.side(); ++p) {
      if (t != p && confusion.at(t, p) > 0) all.push_back({t, p, confusion.at(t, p)});
    }
  }
  std::ranges::stable_sort(all, std::greater{}, &Confused::count);
  all.resize(std::min(all.size(), most));
  return all;
}

std::vector<int64_t> most_confused_classes(const Confusion& confusion, size_t most) {
  std::vector<int64_t> errors(static_cast<size_t>(confusion.classes)), classes(errors.size());
  for (int64_t t = 0; t < confusion.classes; ++t) {
    for (int64_t p = 0; p < confusion.classes; ++p) {
      if (t == p) continue;
      errors[static_cast<size_t>(t)] += confusion.at(t, p);
      errors[static_cast<size_t>(p)] += confusion.at(t, p);
    }
  }
  std::iota(classes.begin(), classes.end(), 0);
  std::ranges::stable_sort(classes, std::greater{}, [&](int64_t c) { return errors[static_cast<size_t>(c)]; });
  classes.resize(std::min(classes.size(), most));
  std::ranges::sort(classes);
  return classes;
}

ImageMatches match_image(std::span<const Object> truths, std::span<const FoundBox> found, double threshold) {
  std::vector<size_t> order(found.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, std::greater{}, [&](size_t f) { return found[f].score; });
  ImageMatches matches;
  matches.of_found.assign(found.size(), ImageMatches::kWrong);
  std::vector<bool> taken(truths.size());
  for (const size_t f : order) {
    double best = threshold;
    int32_t& partner = matches.of_found[f];
    for (size_t t = 0; t < truths.size(); ++t) {
      if (truths[t].crowd || taken[t] || truths[t].label != found[f].label) continue;
      const double overlap = iou(truths[t].box, found[f].box);
      if (overlap < best) continue;
      best = overlap;
      partner = static_cast<int32_t>(t);
    }
    if (partner >= 0) {
      taken[static_cast<size_t>(partner)] = true;
      ++matches.right;
    } else if (in_crowd(found[f], truths, threshold)) {
      partner = ImageMatches::kIgnored;
    } else {
      ++matches.wrong;
    }
  }
  for (size_t t = 0; t < truths.size(); ++t) matches.missed += !truths[t].crowd && !taken[t];
  return matches;
}

}  // namespace quench::metrics
