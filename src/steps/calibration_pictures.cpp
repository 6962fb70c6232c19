#include "steps/calibration_pictures.h"

#include "config/tables.h"
#include "core/clock.h"
#include "core/text.h"
#include "data/sets/made_pictures.h"
#include "data/sets/memory_dataset.h"
#include "graph/image_side.h"
#include "quant/distilled_pictures.h"

namespace quench::steps {

data::Splits calibration_pictures(const StepInput& input, const graph::Graph& float_model, int64_t most) {
  const Json& settings = input.settings;
  if (config::reads_pictures_of_data(settings)) return *input.data;
  const std::string kind = settings.at("pictures");
  const auto asked = settings.at("calibration_images").get<int64_t>();
  const auto seed = settings.at("calibration_seed").get<uint64_t>();
  const int side = graph::image_side(float_model);
  if (kind != "distilled") {
    return {kind, std::make_shared<data::MadePictures>(kind, side, asked > 0 ? asked : most, seed), nullptr};
  }
  const int64_t start_ns = now_ns();
  quant::DistillPictures how;
  how.count = std::min(asked > 0 ? asked : most, kMostDistilled);
  how.steps = settings.value("picture_steps", how.steps);
  how.seed = seed;
  quant::DistilledPictures made = quant::distill_pictures(float_model, how, input.log, input.cancel);
  input.log.info(fmt::format("distilled {} from batch norms in {:.0f} s: distance of statistics {:.3g} -> {:.3g}",
                             counted(how.count, "picture"), seconds_since(start_ns), made.loss_before,
                             made.loss_after));
  data::PixelStore store{made.side, made.side, std::move(made.pixels), {}, {}};
  store.labels.assign(static_cast<size_t>(how.count), -1);
  return {kind, std::make_shared<data::MemoryDataset>(std::move(store)), nullptr};
}

}  // namespace quench::steps
