#include "models/families.h"

namespace quench::models {
namespace {

std::vector<Row> backbone() {
  return {
      {{-1}, 1, "Conv", {64, 3, 2}},                                    // 0, stride 2
      {{-1}, 1, "Conv", {128, 3, 2}},                                   // 1, stride 4
      {{-1}, 3, "C2f", {128, 1}},     {{-1}, 1, "Conv", {256, 3, 2}},   // 3, stride 8
      {{-1}, 6, "C2f", {256, 1}},     {{-1}, 1, "Conv", {512, 3, 2}},   // 5, stride 16
      {{-1}, 6, "C2f", {512, 1}},     {{-1}, 1, "Conv", {1024, 3, 2}},  // 7, stride 32
      {{-1}, 3, "C2f", {1024, 1}},
  };
}

std::vector<Row> classify_rows() {
  std::vector<Row> rows = backbone();
  rows.push_back({{-1}, 1, "Classify", {1280}});
  return rows;
}

std::vector<Row> detect_rows() {
  std::vector<Row> rows = backbone();
  rows.insert(rows.end(), {
                              {{-1}, 1, "SPPF", {1024, 5}},  // 9
                              {{-1}, 1, "Upsample", {2}},
                              {{-1, 6}, 1, "Concat", {}},
                              {{-1}, 3, "C2f", {512, 0}},  // 12
                              {{-1}, 1, "Upsample", {2}},
                              {{-1, 4}, 1, "Concat", {}},
                              {{-1}, 3, "C2f", {256, 0}},  // 15, level 8
                              {{-1}, 1, "Conv", {256, 3, 2}},
                              {{-1, 12}, 1, "Concat", {}},
                              {{-1}, 3, "C2f", {512, 0}},  // 18, level 16
                              {{-1}, 1, "Conv", {512, 3, 2}},
                              {{-1, 9}, 1, "Concat", {}},
                              {{-1}, 3, "C2f", {1024, 0}},  // 21, level 32
                              {{15, 18, 21}, 1, "Detect", {16}},
                          });
  return rows;
}

}  // namespace

std::vector<Spec> yolov8() {
  struct Scale {
    const char* size;
    double depth, width;
    int64_t max_channels;  // of detectors; classifiers have 1024 throughout
  };
  const Scale scales[] = {
      {"n", 0.33, 0.25, 1024}, {"s", 0.33, 0.50, 1024}, {"m", 0.67, 0.75, 768}, {"l", 1, 1, 512}, {"x", 1, 1.25, 512}};
  std::vector<Spec> specs;
  for (const Scale& s : scales) {
    specs.push_back(
        {std::string("yolov8") + s.size + "-cls", "yolov8", "classify", s.depth, s.width, 1024, 224, classify_rows()});
  }
  for (const Scale& s : scales) {
    specs.push_back(
        {std::string("yolov8") + s.size, "yolov8", "detect", s.depth, s.width, s.max_channels, 640, detect_rows()});
  }
  return specs;
}

}  // namespace quench::models
