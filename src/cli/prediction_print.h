#pragma once

#include <string>
#include <vector>

#include "core/json.h"
#include "data/pictures/image_source.h"
#include "inference/predict_run.h"

namespace quench::cli {

/// Collects the images of `quench predict` and prints them in a format: table, json, jsonl, csv.
class PredictionPrinter {
 public:
  PredictionPrinter(std::string format, const prediction::Vocabulary& words, data::ImageSource::Kind kind);

  /// Text to print at once: a line of jsonl or csv; empty for the formats that are printed as a whole.
  std::string add(const data::SourceImage& image, const inference::Prediction& prediction);
  /// What is left to print. `about`: model, runtime and threads. A video's table has no line for each frame.
  std::string finish(const inference::PredictRun& run, const Json& about);

 private:
  std::string format_;
  const prediction::Vocabulary& words_;
  data::ImageSource::Kind kind_;
  std::vector<std::vector<std::string>> rows_;
  Json list_ = Json::array();
  std::string head_ = "file_name,frame,height,width,found,preprocess_ns,inference_ns,postprocess_ns\r\n";  ///< of csv
};

}  // namespace quench::cli
