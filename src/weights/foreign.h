#pragma once

#include <string>

#include "weights/checkpoint.h"

namespace quench::weights {

/// What model tensors are of that quench has not, told by their names and shapes, with what to do: "YOLO11 (...)".
/// Names as strip() leaves them (`model.0.conv.weight`). Empty where nothing tells it.
std::string foreign_model(const NamedTensors& tensors);

}  // namespace quench::weights
