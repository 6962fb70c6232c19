#pragma once

#include <vector>

#include "models/spec.h"

namespace quench::models {

/// yolov5{n,s,m,l,x}-cls, then yolov5{n,s,m,l,x} (release 7.0).
std::vector<Spec> yolov5();

/// yolov8{n,s,m,l,x}-cls, then yolov8{n,s,m,l,x} (release 8.1).
std::vector<Spec> yolov8();

}  // namespace quench::models
