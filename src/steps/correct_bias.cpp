#include "core/text.h"
#include "quant/bias_correction.h"
#include "quant/float_twin.h"
#include "quant/image_batches.h"
#include "steps/kept_images.h"
#include "steps/reference.h"

namespace quench::steps {

graph::Graph run_correct_bias(const StepInput& input) {
  const graph::Graph reference = float_reference(input), quantized = in_floats(input);
  const std::string how = input.settings.at("correction");
  quant::BiasCorrection made;
  if (how == "analytic") {
    made = quant::correct_bias_by_statistics(quantized, reference);
  } else {
    const graph::Graph twin = quant::float_twin(quantized, reference);
    const quant::ImageBatches images = load_kept_images(quantized, reference, input, 512, quant::Kept::content);
    made = quant::correct_bias_by_images(quantized, twin, images.batches, input.log, input.cancel);
  }
  const std::string largest =  // of outputs with steps of their own
      made.largest_in.empty()
          ? ""
          : fmt::format("; the largest by {:.2f} output steps in {}", made.largest, made.largest_in);
  input.log.info(fmt::format("correct_bias: {} corrected ({}){}", counted(made.layers, "layer"), how, largest));
  made.graph.metadata["bias_correction"] = how;
  return std::move(made.graph);
}

}  // namespace quench::steps
