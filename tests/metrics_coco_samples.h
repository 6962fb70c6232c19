#pragma once

#include <vector>

#include "core/rng.h"
#include "metrics/coco_map.h"

namespace quench::metrics::samples {

/// What an evaluation is of.
struct Scene {
  std::vector<CocoCategory> categories;
  std::vector<CocoTruth> truths;
  std::vector<CocoDetection> detections;
};

inline CocoResult evaluate(const Scene& scene) {
  CocoEvaluation evaluation(scene.categories);
  for (const CocoTruth& truth : scene.truths) evaluation.add_truth(truth);
  for (const CocoDetection& detection : scene.detections) evaluation.add_detection(detection);
  return evaluation.evaluate();
}

/// Sides on a coarse grid and scores of two digits, so that IoU and scores tie; crowds; areas below the box's, also at
/// the very bounds of the size ranges; detections near true boxes and anywhere; class ids with gaps, one never present.
inline Scene random_scene(uint64_t seed, int images = 5, int most = 12) {
  Rng rng(seed, "coco scene");
  Scene scene{{{1, "a"}, {3, "b"}, {70, "c"}, {90, "never"}}, {}, {}};
  const int64_t ids[] = {1, 3, 70};
  const auto side = [&] { return 4.0 * static_cast<double>(1 + rng.below(rng.chance(0.5) ? 8 : 40)); };
  const auto jitter = [&] { return 2.0 * static_cast<double>(rng.below(5)) - 4; };
  const auto score = [&] { return static_cast<double>(rng.below(100)) / 100; };
  for (int64_t image = 1; image <= images; ++image) {
    for (const int64_t category : ids) {
      for (uint64_t n = rng.below(static_cast<uint64_t>(most)); n-- > 0;) {
        CocoTruth truth{.image_id = image * 7, .category_id = category};
        truth.x = 4.0 * static_cast<double>(rng.below(60));
        truth.y = 4.0 * static_cast<double>(rng.below(60));
        truth.w = side();
        truth.h = side();
        truth.area = rng.chance(0.2) ? (rng.chance(0.5) ? 1024 : 9216) : truth.w * truth.h * rng.uniform(0.5, 1);
        truth.crowd = rng.chance(0.1);
        scene.truths.push_back(truth);
        for (uint64_t k = rng.below(4); k-- > 0;) {
          scene.detections.push_back({truth.image_id, category, truth.x + jitter(), truth.y + jitter(),
                                      truth.w + jitter(), truth.h + jitter(), score()});
        }
      }
      for (uint64_t n = rng.below(rng.chance(0.1) ? 150 : 6); n-- > 0;) {
        scene.detections.push_back({image * 7, category, 4.0 * static_cast<double>(rng.below(60)),
                                    4.0 * static_cast<double>(rng.below(60)), side(), side(), score()});
      }
    }
  }
  return scene;
}

}  // namespace quench::metrics::samples
