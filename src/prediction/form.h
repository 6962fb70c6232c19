#pragma once

#include <string>

#include "core/json.h"
#include "prediction/predictor.h"

namespace quench::prediction {

// The forms that a prediction is given in.

/// "3 person, 1 bus", by class number; "nothing"; a classifier: "cat 0.93, dog 0.05, ...".
std::string found_text(const Prediction& prediction, const Vocabulary& words);

/// YOLO's label lines, one an object, with the score at the end: `class cx cy w h score`, centre and size as fractions
/// of the image. A classifier: `class score`, a line for each of its top classes. Every line ends in '\n'.
std::string yolo_text(const Prediction& prediction);

/// A line an object, its values between tabs, for other programs and the eye: `file name score x y w h` (box as corner
/// and size in pixels of the image, to 1/1000; score to 1e-5); of a frame (0 and up), `file:frame` is the first. A
/// classifier: `file name score`, a line for each of its top classes. In names a tab is `\t`, an end of line `\n` and
/// a backslash `\\`.
std::string tab_text(const std::string& file, int64_t frame, const Prediction& prediction, const Vocabulary& words);

/// A list of objects as in COCO's results files (category_id: the class's number in the model, from 0; bbox: x y w h
/// in pixels of the image; score), with `category_name` too. A classifier: its top classes, without bbox. rounded:
/// boxes to 1/1000 pixel, scores to 1e-5.
Json found_json(const Prediction& prediction, const Vocabulary& words, bool rounded = true);

/// All of one image: file_name, frame (null where it is -1: an image), height, width, `detections` or `top`, times.
Json to_json(const std::string& name, int64_t frame, const Prediction& prediction, const Vocabulary& words,
             bool rounded = true);

}  // namespace quench::prediction
