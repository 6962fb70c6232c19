#pragma once

#include "models/spec.h"

namespace quench::models {

/// YOLOv5u: a detector of YOLOv5 with the head of YOLOv8, as Ultralytics retrained it. `yolov5n` gives `yolov5nu`,
/// `yolov5:d0.33w0.25` gives `yolov5u:d0.33w0.25`. It is no name of the catalog: it is built where files or tables say
/// it.
Spec yolov5u(Spec yolov5);

}  // namespace quench::models
