#include "models/yolov5u.h"

namespace quench::models {

Spec yolov5u(Spec yolov5) {
  const size_t colon = yolov5.name.find(':');
  yolov5.name.insert(colon == std::string::npos ? yolov5.name.size() : colon, "u");
  yolov5.rows.back().args = spec("yolov8n").rows.back().args;
  return yolov5;
}

}  // namespace quench::models
