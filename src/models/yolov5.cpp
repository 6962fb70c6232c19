#include "models/families.h"

namespace quench::models {
namespace {

std::vector<Row> backbone() {
  return {
      {{-1}, 1, "Conv", {64, 6, 2, 2}},                                   // 0, stride 2
      {{-1}, 1, "Conv", {128, 3, 2}},                                     // 1, stride 4
      {{-1}, 3, "C3", {128, 1}},        {{-1}, 1, "Conv", {256, 3, 2}},   // 3, stride 8
      {{-1}, 6, "C3", {256, 1}},        {{-1}, 1, "Conv", {512, 3, 2}},   // 5, stride 16
      {{-1}, 9, "C3", {512, 1}},        {{-1}, 1, "Conv", {1024, 3, 2}},  // 7, stride 32
      {{-1}, 3, "C3", {1024, 1}},
  };
}

std::vector<Row> classify_rows() {
  std::vector<Row> rows = backbone();
  rows.push_back({{-1}, 1, "Classify", {1280}});
  return rows;
}

std::vector<Row> detect_rows() {
  std::vector<Row> rows = backbone();
  rows.insert(rows.end(),
              {
                  {{-1}, 1, "SPPF", {1024, 5}},  // 9
                  {{-1}, 1, "Conv", {512, 1, 1}},
                  {{-1}, 1, "Upsample", {2}},
                  {{-1, 6}, 1, "Concat", {}},
                  {{-1}, 3, "C3", {512, 0}},  // 13
                  {{-1}, 1, "Conv", {256, 1, 1}},
                  {{-1}, 1, "Upsample", {2}},
                  {{-1, 4}, 1, "Concat", {}},
                  {{-1}, 3, "C3", {256, 0}},  // 17, level 8
                  {{-1}, 1, "Conv", {256, 3, 2}},
                  {{-1, 14}, 1, "Concat", {}},
                  {{-1}, 3, "C3", {512, 0}},  // 20, level 16
                  {{-1}, 1, "Conv", {512, 3, 2}},
                  {{-1, 10}, 1, "Concat", {}},
                  {{-1}, 3, "C3", {1024, 0}},  // 23, level 32
                  {{17, 20, 23},
                   1,
                   "Detect",
                   {std::vector<int64_t>{10, 13, 16, 30, 33, 23}, std::vector<int64_t>{30, 61, 62, 45, 59, 119},
                    std::vector<int64_t>{116, 90, 156, 198, 373, 326}}},
              });
  return rows;
}

}  // namespace

std::vector<Spec> yolov5() {
  struct Scale {
    const char* size;
    double depth, width;
  };
  const Scale scales[] = {{"n", 0.33, 0.25}, {"s", 0.33, 0.50}, {"m", 0.67, 0.75}, {"l", 1, 1}, {"x", 1.33, 1.25}};
  std::vector<Spec> specs;
  for (const auto& [size, depth, width] : scales) {
    specs.push_back(
        {std::string("yolov5") + size + "-cls", "yolov5", "classify", depth, width, 1024, 224, classify_rows()});
  }
  for (const auto& [size, depth, width] : scales) {
    specs.push_back({std::string("yolov5") + size, "yolov5", "detect", depth, width, 1024, 640, detect_rows()});
  }
  return specs;
}

}  // namespace quench::models
