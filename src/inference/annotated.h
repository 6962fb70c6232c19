#pragma once

#include "core/tensor.h"
#include "prediction/predictor.h"

namespace quench::inference {

using prediction::Engine;
using prediction::Prediction;
using prediction::Predictor;
using prediction::Vocabulary;

/// The image ([h,w,3] uint8 RGB) with its objects, or its likeliest class, drawn on it (data/pictures/draw_boxes.h).
Tensor annotated(const Tensor& pixels, const Prediction& prediction, const Vocabulary& words);

}  // namespace quench::inference
