#include <optional>

#include "bits/assign.h"
#include "bits/measure.h"
#include "config/tables.h"
#include "core/error.h"
#include "core/file.h"
#include "data/sets/find.h"
#include "steps/step.h"

namespace quench::steps {
namespace {

/// A table, and the calibrated model that it was measured of where that was here.
struct Measured {
  bits::Sensitivity table;
  std::optional<quant::Prepared> prepared;
};

/// The table that the setting names, or one that is measured at the widths that there are.
Measured table_of(const StepInput& input) {
  if (input.settings.contains("sensitivity")) {
    const std::string name = input.settings["sensitivity"];
    const std::filesystem::path file = data::find_file(name, input.data_root);
    return {bits::sensitivity_from(parse_json(read_file(file), name), name), std::nullopt};
  }
  const config::OptionSet& known = config::sensitivity_options();
  Json settings = known.part_of(input.settings);
  settings["bits"] = Json::array();
  for (const Json& width : input.settings.at("widths")) {
    if (width != "float") settings["bits"].push_back(width);
  }
  settings["hessian_probes"] = input.settings.at("by") == "forecast" ? 4 : 0;
  Measured out;
  out.prepared.emplace();
  out.table = bits::measure_sensitivity(input.model, *input.data, known.checked(settings, "assign_bits"), input.log,
                                        input.cancel, &*out.prepared);
  return out;
}

}  // namespace

graph::Graph run_assign_bits(const StepInput& input) {
  const Measured measured = table_of(input);
  graph::Graph made = bits::assign_bits(input.model, *input.data, input.settings, measured.table, input.latency,
                                        input.log, input.cancel, measured.prepared ? &*measured.prepared : nullptr);
  made.metadata["parent_sha256"] = input.model.sha256;
  return made;
}

}  // namespace quench::steps
