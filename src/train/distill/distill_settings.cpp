#include "train/distill/distill_settings.h"

#include "config/tables.h"
#include "core/task.h"

namespace quench::train {

Json DistillSettings::to_json() const {
  Json out{{"distill", outputs && features ? "both" : outputs ? "logits" : "features"}, {"distill_weight", weight}};
  if (outputs) out["output_temperature"] = output_temperature;
  if (features) out["map_temperature"] = map_temperature;
  return out;
}

DistillSettings distill_settings(const Json& config, const std::string& task) {
  const config::OptionSet& options = config::distill_options();
  const Json values = options.checked(options.part_of(config), "train.distill");
  DistillSettings s;
  const std::string what = values.value("distill", "logits");
  s.outputs = what != "features";
  s.features = what != "logits";
  s.weight = values.value("distill_weight", 1.0);
  s.output_temperature = labels_of(task) == Labels::image_class ? 4 : 1;
  if (values.contains("distill_temperature")) {
    s.output_temperature = s.map_temperature = values["distill_temperature"].get<double>();
  }
  return s;
}

}  // namespace quench::train
