#pragma once

#include <functional>
#include <optional>

#include "core/cancel.h"
#include "core/log.h"
#include "data/pictures/image_source.h"
#include "inference/prediction_files.h"

namespace quench::inference {

/// What came of a source.
struct PredictRun {
  int64_t images = 0;        ///< that went through the model
  int64_t failed = 0;        ///< that could not be read
  int64_t found = 0;         ///< objects; a classifier: 0
  bool interrupted = false;  ///< the user stopped it; what was done until then is written
  std::vector<int64_t> preprocess_ns, inference_ns, postprocess_ns;  ///< of each image
};

/// Called after each image.
using PredictedSink = std::function<void(const data::SourceImage&, const Prediction&)>;

/// What a model says of an image, which is the `index`th of its source; nothing where it could not be read where the
/// model runs, which has been told.
using PredictFunction = std::function<std::optional<Prediction>(const data::SourceImage&, int64_t index)>;

/// Takes the images of a source one by one through the model into files. An image that cannot be read is told as a
/// warning and counted, and the rest goes on. limit: images or frames at most; 0: all. `cancel` is looked at between
/// images.
PredictRun predict_source(data::ImageSource& source, const Vocabulary& words, const PredictFunction& predict,
                          PredictionFiles& files, int64_t limit, const PredictedSink& sink, const LogSink& log,
                          const CancelToken& cancel);

}  // namespace quench::inference
