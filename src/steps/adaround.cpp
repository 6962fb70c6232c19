#include "quant/adaround.h"

#include <fmt/format.h>

#include "config/refine_options.h"
#include "core/clock.h"
#include "core/text.h"
#include "quant/float_twin.h"
#include "quant/image_batches.h"
#include "quant/original_weights.h"
#include "steps/kept_images.h"
#include "steps/reference.h"

namespace quench::steps {

graph::Graph run_adaround(const StepInput& input) {
  const int64_t start_ns = now_ns();
  config::require_unit(input.settings, "adaround");
  graph::Graph quantized = in_floats(input);
  const graph::Graph reference = float_reference(input), twin = quant::float_twin(quantized, reference);
  if (kind_of(input.model.graph).integers) quantized = quant::with_original_weights(std::move(quantized), twin);
  const quant::ImageBatches images = load_kept_images(quantized, reference, input, 1024);
  quant::Adarounded made = quant::adaround(quantized, twin, images.batches, input.settings, input.log, input.cancel);
  input.log.info(fmt::format(
      "adaround: {}{}, {:.1f} % of weights not at the nearest integer, squared output error {:.1f} % of nearest's "
      "(geometric mean), {} images, {:.1f} s",
      counted(made.layers, "layer"),
      made.blocks > 0 ? fmt::format(" ({} of them in {})", made.in_blocks, counted(made.blocks, "block")) : "",
      100 * made.flipped, 100 * made.error, images.count, seconds_since(start_ns)));
  Json told = input.settings;
  told.erase("reference");
  made.graph.metadata["adaround"] = told.dump();
  return std::move(made.graph);
}

}  // namespace quench::steps
