// COCO's evaluation of a file of detections: reading, and evaluate() alone.
//   coco_map DETECTIONS.json[.gz] INSTANCES.json [rounds=20]
#include <cstdio>
#include <cstdlib>

#include "interleave.h"
#include "metrics/coco_json.h"

int main(int argc, char** argv) {
  using namespace quench;
  if (argc < 3) {
    std::fprintf(stderr, "usage: coco_map DETECTIONS.json[.gz] INSTANCES.json [rounds]\n");
    return 2;
  }
  const int rounds = argc > 3 ? std::atoi(argv[3]) : 20;
  const metrics::CocoInstances instances = metrics::read_coco_instances(argv[2]);
  const std::vector<metrics::CocoDetection> detections = metrics::read_coco_detections(argv[1]);
  metrics::CocoEvaluation evaluation(instances.categories);
  for (const metrics::CocoImage& image : instances.images) evaluation.add_image(image.id);
  for (const metrics::CocoTruth& truth : instances.truths) evaluation.add_truth(truth);
  for (const metrics::CocoDetection& detection : detections) evaluation.add_detection(detection);

  const metrics::CocoResult result = evaluation.evaluate();
  std::printf("%zu images, %zu true boxes, %zu detections: map_50_95 %.6f\n", instances.images.size(),
              instances.truths.size(), detections.size(), result.map_50_95.value_or(-1));
  const auto time = [rounds](const char* what, const std::function<void()>& body) {
    std::printf("%-18s", what);
    for (const bench::Clock clock : {bench::Clock::wall, bench::Clock::processor}) {
      std::vector<double> seconds;
      for (int i = 0; i < rounds; ++i) seconds.push_back(bench::seconds_of(body, 1, clock));
      std::printf(" %8.3f ms of %s", 1e3 * bench::median(seconds), clock == bench::Clock::wall ? "wall time," : "");
    }
    std::printf("processor time (medians of %d)\n", rounds);
  };
  time("evaluate", [&] { evaluation.evaluate(); });
  time("read annotations", [&] { metrics::read_coco_instances(argv[2]); });
  time("read detections", [&] { metrics::read_coco_detections(argv[1]); });
  return 0;
}
