#include "train/matching/auto_anchor.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/error.h"
#include "core/json.h"
#include "core/rng.h"

namespace quench::train {
namespace {

constexpr double kSmallest = 2;  // pixels, of boxes that count and of anchors
constexpr int kStarts = 30;
constexpr int kIterations = 100;
constexpr double kChangeShare = 0.9, kChangeDeviation = 0.1, kLeastFactor = 0.3, kMostFactor = 3;

double area(const BoxSize& size) { return size[0] * size[1]; }

/// How alike two sizes are, in (0,1]; 1: equal.
double likeness(const BoxSize& a, const BoxSize& b) {
  const double w = a[0] / b[0], h = a[1] / b[1];
  return std::min(std::min(w, 1 / w), std::min(h, 1 / h));
}

std::vector<BoxSize> logarithms(std::span<const BoxSize> sizes) {
  std::vector<BoxSize> logs;
  logs.reserve(sizes.size());
  for (const BoxSize& size : sizes) logs.push_back({std::log(size[0]), std::log(size[1])});
  return logs;
}

/// What the evolution raises, from logarithms, where likeness is a distance and needs no division: it is
/// exp(-max(|difference of log widths|, |... of log heights|)).
double fitness(std::span<const BoxSize> log_boxes, std::span<const BoxSize> anchors, double ratio) {
  const std::vector<BoxSize> log_anchors = logarithms(anchors);
  const double far = std::log(ratio);
  double sum = 0;
  for (const BoxSize& box : log_boxes) {
    double least = far;
    for (const BoxSize& anchor : log_anchors) {
      least = std::min(least, std::max(std::abs(box[0] - anchor[0]), std::abs(box[1] - anchor[1])));
    }
    if (least < far) sum += std::exp(-least);
  }
  return sum / static_cast<double>(log_boxes.size());
}

BoxSize deviation(std::span<const BoxSize> boxes) {
  BoxSize result{};
  for (size_t k = 0; k < 2; ++k) {
    double sum = 0, squares = 0;
    for (const BoxSize& box : boxes) sum += box[k];
    const double mean = sum / static_cast<double>(boxes.size());
    for (const BoxSize& box : boxes) squares += (box[k] - mean) * (box[k] - mean);
    result[k] = std::sqrt(squares / static_cast<double>(boxes.size()));
    if (!(result[k] > 0)) result[k] = 1;
  }
  return result;
}

struct Clusters {
  std::vector<BoxSize> centres;
  double distortion = std::numeric_limits<double>::infinity();  ///< mean squared distance
};

/// One start of Lloyd's k-means from centres that are points of different places in a random order. An empty cluster
/// starts again at a random point.
Clusters lloyd(std::span<const BoxSize> points, size_t count, Rng& rng) {
  Clusters clusters;
  const std::vector<int64_t> order = permutation(static_cast<int64_t>(points.size()), rng);
  for (size_t k = 0; k < count; ++k) clusters.centres.push_back(points[static_cast<size_t>(order[k])]);
  for (int iteration = 0; iteration < kIterations; ++iteration) {
    std::vector<BoxSize> sums(count);
    std::vector<int64_t> sizes(count);
    double distortion = 0;
    for (const BoxSize& p : points) {
      size_t nearest = 0;
      double least = std::numeric_limits<double>::infinity();
      for (size_t k = 0; k < count; ++k) {
        const double dx = p[0] - clusters.centres[k][0], dy = p[1] - clusters.centres[k][1];
        if (const double squared = dx * dx + dy * dy; squared < least) {
          least = squared;
          nearest = k;
        }
      }
      sums[nearest][0] += p[0];
      sums[nearest][1] += p[1];
      ++sizes[nearest];
      distortion += least;
    }
    distortion /= static_cast<double>(points.size());
    if (clusters.distortion - distortion <= 1e-5 * distortion) break;
    clusters.distortion = distortion;
    for (size_t k = 0; k < count; ++k) {
      const auto size = static_cast<double>(sizes[k]);
      clusters.centres[k] = sizes[k] > 0 ? BoxSize{sums[k][0] / size, sums[k][1] / size}
                                         : points[static_cast<size_t>(rng.below(points.size()))];
    }
  }
  return clusters;
}

std::vector<BoxSize> k_means(std::span<const BoxSize> boxes, size_t count, Rng& rng, const CancelToken* cancel) {
  const BoxSize scale = deviation(boxes);
  std::vector<BoxSize> points;
  points.reserve(boxes.size());
  for (const BoxSize& box : boxes) points.push_back({box[0] / scale[0], box[1] / scale[1]});
  Clusters best;
  for (int start = 0; start < kStarts; ++start) {
    if (cancel != nullptr) cancel->check();
    Clusters clusters = lloyd(points, count, rng);
    if (clusters.distortion < best.distortion) best = std::move(clusters);
  }
  for (BoxSize& centre : best.centres) {
    for (size_t k = 0; k < 2; ++k) centre[k] = std::max(kSmallest, centre[k] * scale[k]);
  }
  return best.centres;
}

/// A random change: factors near 1, one strength for all.
std::vector<BoxSize> changed(std::vector<BoxSize> anchors, Rng& rng) {
  const double strength = rng.uniform();
  for (BoxSize& anchor : anchors) {
    for (double& side : anchor) {
      if (!rng.chance(kChangeShare)) continue;
      const double factor = 1 + kChangeDeviation * strength * rng.normal();
      side = std::max(kSmallest, side * std::clamp(factor, kLeastFactor, kMostFactor));
    }
  }
  return anchors;
}

std::vector<BoxSize> flat(const LevelAnchors& levels) {
  std::vector<BoxSize> all;
  for (const std::vector<BoxSize>& level : levels) all.insert(all.end(), level.begin(), level.end());
  return all;
}

/// Anchors by ascending area, dealt out to levels by ascending stride.
LevelAnchors by_level(std::span<const BoxSize> anchors, const models::DetectHead& head) {
  std::vector<size_t> order(head.strides.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, {}, [&](size_t level) { return head.strides[level]; });
  LevelAnchors levels(order.size());
  size_t next = 0;
  for (const size_t level : order) {
    const size_t count = head.anchors[level].size();
    levels[level].assign(anchors.begin() + static_cast<std::ptrdiff_t>(next),
                         anchors.begin() + static_cast<std::ptrdiff_t>(next + count));
    next += count;
  }
  return levels;
}

}  // namespace

std::vector<BoxSize> box_sizes(const data::Dataset& dataset, int imgsz) {
  std::vector<BoxSize> sizes;
  for (int64_t i = 0; i < dataset.size(); ++i) {
    const std::vector<data::Object> objects = dataset.objects(i);
    if (objects.empty()) continue;
    const data::ImageInfo image = dataset.image(i);
    const int side = std::max(image.height, image.width);
    if (side < 1) {
      fail(ErrorKind::data, "[train.auto_anchor] expected the size of image '{}', got {} x {}", image.name, image.width,
           image.height);
    }
    const double gain = static_cast<double>(imgsz) / side;
    for (const data::Object& object : objects) {
      const BoxSize size{object.box.width() * gain, object.box.height() * gain};
      if (!object.crowd && size[0] > 0 && size[1] > 0) sizes.push_back(size);
    }
  }
  return sizes;
}

AnchorFit anchor_fit(std::span<const BoxSize> boxes, std::span<const BoxSize> anchors, double ratio) {
  AnchorFit fit;
  for (const BoxSize& box : boxes) {
    const auto fitting =
        std::ranges::count_if(anchors, [&](const BoxSize& anchor) { return likeness(box, anchor) > 1 / ratio; });
    fit.fitting += static_cast<double>(fitting);
    if (fitting > 0) fit.recall += 1;
  }
  const auto count = static_cast<double>(std::max<size_t>(1, boxes.size()));
  return {fit.recall / count, fit.fitting / count};
}

std::vector<BoxSize> evolved_anchors(std::span<const BoxSize> boxes, int64_t count, const AutoAnchorOptions& options,
                                     const CancelToken* cancel) {
  ensure(count > 0 && options.ratio > 1 && options.max_boxes >= count,
         "[train.auto_anchor] expected anchors and a ratio above 1, got {} and {}", count, options.ratio);
  Rng rng(options.seed, "anchors");
  std::vector<BoxSize> used;
  for (const BoxSize& box : boxes) {
    if (box[0] > 0 && box[1] > 0 && std::max(box[0], box[1]) >= kSmallest) used.push_back(box);
  }
  if (static_cast<int64_t>(used.size()) < count) return {};
  if (static_cast<int64_t>(used.size()) > options.max_boxes) {
    std::vector<BoxSize> sample;
    const std::vector<int64_t> order = permutation(static_cast<int64_t>(used.size()), rng);
    for (int64_t i = 0; i < options.max_boxes; ++i) {
      sample.push_back(used[static_cast<size_t>(order[static_cast<size_t>(i)])]);
    }
    used = std::move(sample);
  }
  std::vector<BoxSize> anchors = k_means(used, static_cast<size_t>(count), rng, cancel);
  const std::vector<BoxSize> logs = logarithms(used);
  double best = fitness(logs, anchors, options.ratio);
  for (int generation = 0; generation < options.generations; ++generation) {
    if (cancel != nullptr) cancel->check();
    std::vector<BoxSize> child = changed(anchors, rng);
    if (const double fit = fitness(logs, child, options.ratio); fit > best) {
      best = fit;
      anchors = std::move(child);
    }
  }
  for (BoxSize& anchor : anchors) {
    for (double& side : anchor) side = std::round(side * 100) / 100;
  }
  std::ranges::stable_sort(anchors, {}, area);
  return anchors;
}

std::optional<FittedAnchors> fitted_anchors(const data::Dataset& dataset, int imgsz, const models::DetectHead& head,
                                            const AutoAnchorOptions& options, const LogSink* log,
                                            const CancelToken* cancel) {
  if (head.anchor_free()) return std::nullopt;
  const std::vector<BoxSize> boxes = box_sizes(dataset, imgsz);
  const std::vector<BoxSize> own = flat(head.anchors);
  FittedAnchors fitted;
  fitted.before = anchor_fit(boxes, own, options.ratio);
  const auto say = [&](const std::string& outcome) {
    if (log == nullptr) return;
    log->info(fmt::format("anchors: best possible recall {:.4f}, {:.2f} anchors fit a box: {}", fitted.before.recall,
                          fitted.before.fitting, outcome));
  };
  if (boxes.empty() || fitted.before.recall >= options.enough) {
    say(boxes.empty() ? "no boxes, kept" : "good, kept");
    return std::nullopt;
  }
  const std::vector<BoxSize> anchors = evolved_anchors(boxes, static_cast<int64_t>(own.size()), options, cancel);
  fitted.after = anchor_fit(boxes, anchors, options.ratio);
  if (fitted.after.recall <= fitted.before.recall) {
    say(anchors.empty() ? "too few boxes to fit others, kept"
                        : fmt::format("others reach {:.4f}, kept", fitted.after.recall));
    return std::nullopt;
  }
  fitted.anchors = by_level(anchors, head);
  say(fmt::format("new ones with recall {:.4f}, {:.2f} a box", fitted.after.recall, fitted.after.fitting));
  return fitted;
}

void set_anchors(graph::Graph& graph, const LevelAnchors& anchors) {
  const models::DetectHead head = models::detect_head(graph);
  bool same = head.anchors.size() == anchors.size();
  for (size_t level = 0; same && level < anchors.size(); ++level) {
    same = head.anchors[level].size() == anchors[level].size();
  }
  if (!same || anchors.empty()) {
    fail(ErrorKind::config, "[train.auto_anchor] expected {} levels with as many anchors each as the model's, got {}",
         head.anchors.size(), anchors.size());
  }
  Json levels = Json::array();
  for (const std::vector<BoxSize>& level : anchors) {
    Json numbers = Json::array();
    for (const BoxSize& size : level) {
      for (const double side : size) {
        if (!(side > 0 && std::isfinite(side))) {
          fail(ErrorKind::data, "[train.auto_anchor] expected anchors above 0, got {} x {}", size[0], size[1]);
        }
        numbers.push_back(side);
      }
    }
    levels.push_back(std::move(numbers));
  }
  graph.metadata["anchors"] = levels.dump();
}

}  // namespace quench::train
