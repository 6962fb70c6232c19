#pragma once

#include "graph/image_side.h"
#include "quant/image_batches.h"
#include "steps/calibration_pictures.h"
#include "steps/step.h"

namespace quench::steps {

/// The images that a step's calibration_images and calibration_seed choose, of the training images or of the pictures
/// that take their place; of 0 images, quant::images_to_keep. float_model: the one that was quantized.
inline quant::ImageBatches load_kept_images(const graph::Graph& graph, const graph::Graph& float_model,
                                            const StepInput& input, int64_t most,
                                            quant::Kept kept = quant::Kept::canvas) {
  const int64_t images =
      quant::images_to_keep(input.settings.at("calibration_images").get<int64_t>(), graph::image_side(graph), most);
  return quant::load_images(graph, calibration_pictures(input, float_model, images), images,
                            input.settings.at("calibration_seed").get<uint64_t>(), input.log, input.cancel, kept);
}

}  // namespace quench::steps
