#pragma once

#include <string>

#include "core/json.h"
#include "core/tensor.h"
#include "data/pictures/image_source.h"
#include "inference/predict.h"

namespace quench::inference {

// The forms that a prediction is given in.

/// "3 person, 1 bus", by class number; "nothing"; a classifier: "cat 0.93, dog 0.05, ...".
std::string found_text(const Prediction& prediction, const Predictor& predictor);

/// YOLO's label lines, one an object, with the score at the end: `class cx cy w h score`, centre and size as fractions
/// of the image. A classifier: `class score`, a line for each of its top classes. Every line ends in '\n'.
std::string yolo_text(const Prediction& prediction);

/// A list of objects as in COCO's results files (category_id: the class's number in the model, from 0; bbox: x y w h
/// in pixels of the image; score), with `category_name` too. A classifier: its top classes, without bbox.
Json found_json(const Prediction& prediction, const Predictor& predictor);

/// The image with its objects, or its likeliest class, drawn on it (data/draw_boxes.h).
Tensor annotated(const Tensor& pixels, const Prediction& prediction, const Predictor& predictor);

/// All of one image: file_name, frame (null for an image), height, width, `detections` or `top`, times.
Json to_json(const data::SourceImage& image, const Prediction& prediction, const Predictor& predictor);

}  // namespace quench::inference
