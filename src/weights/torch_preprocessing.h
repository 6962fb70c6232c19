#pragma once

#include <string_view>

#include "weights/checkpoint.h"
#include "weights/pickle.h"
#include "weights/torch_tensors.h"

namespace quench::weights {

/// How a checkpoint says that images are prepared. Size, filter, crop and normalisation are those of the torchvision
/// transforms (`transforms`, a pickled Compose) that YOLOv5 and Ultralytics attach to a classifier; where these have no
/// size, it is the training's (`train_args` of Ultralytics, `opt` of YOLOv5: `imgsz`). A classifier of Ultralytics
/// without transforms is prepared for as Ultralytics does then. root: of the pickle; module: the model, or null. Read
/// as data; transforms that are not known are named, not applied. Throws Error{data} naming `where` for means and
/// deviations that are no three numbers.
Preprocessing read_preprocessing(const pickle::Value& root, const pickle::Value* module, TorchTensors& tensors,
                                 std::string_view where);

}  // namespace quench::weights
