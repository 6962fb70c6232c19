#pragma once

#include <map>
#include <optional>
#include <string>

#include "graph/onnx_read.h"
#include "inference/predict_run.h"
#include "program/command.h"

namespace quench::cli {

/// What a device says of the images of a source.
class RemotePredictions {
 public:
  /// Sends model and images to the device that options (of `predict`) name, and runs quench-agent there. Images of
  /// kinds that the agent does not read travel as PNG; one that cannot be read here either is left to predict_source().
  /// Throws Error{config} for a source that is no images, Error{data} where the answer is none, and what
  /// remote::RemoteAgent throws.
  RemotePredictions(const data::ImageSource& source, const graph::ModelFile& model, const Json& options,
                    const program::Environment& environment);

  /// What it said of an image, the `index`th of the source: for predict_source().
  std::optional<inference::Prediction> of(const data::SourceImage& image, int64_t index) const;

  /// The agent's own: images, seconds, images_per_second, parts.
  const Json& summary() const { return summary_; }

 private:
  std::map<int64_t, inference::Prediction> said_;  ///< by the image's place in the source
  Json summary_;
};

/// "nano: 9.4 images a second; mean ms: decode 12.1, preprocess 3.0, inference 88.2, postprocess 1.0".
std::string pace_text(const Json& summary, const std::string& device);

}  // namespace quench::cli
