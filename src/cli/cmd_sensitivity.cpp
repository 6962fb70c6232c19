#include <iostream>

#include "bits/measure.h"
#include "bits/sensitivity_rows.h"
#include "cli/lab_commands.h"
#include "cli/matched_data.h"
#include "cli/model_argument.h"
#include "cli/print.h"
#include "cli/shared_work.h"
#include "core/file.h"
#include "core/json_text.h"
#include "study/stages.h"

namespace quench::cli {

namespace {

int measure_shared(const program::Invocation& invocation, const Json& settings, const program::Environment& environment,
                   const Shards* shards) {
  const auto output = file_to_write(settings, "output"), page = file_to_write(settings, "page");
  const graph::ModelFile model = open_file(invocation.inputs.at(0), environment);
  const data::Splits data = open_prepared(model.graph, settings, environment);
  const bits::Sensitivity table =
      bits::measure_sensitivity(model, data, settings, environment.log, *environment.cancel, nullptr, shards);
  if (!leads(shards)) return program::kOk;
  if (output) write_file(*output, json_text(bits::to_json(table), 1) + "\n");
  if (page) write_file(*page, report::layer_page(bits::page_of(table)));
  const std::string format = settings["format"];
  if (format == "json") {
    std::cout << json_text(bits::to_json(table), 1) << "\n";
  } else {
    std::cout << render_rows(bits::rows_of(table), format);
  }
  return program::kOk;
}

}  // namespace

int run_sensitivity(const program::Invocation& invocation, const program::Environment& environment) {
  const Json settings = lab_settings(invocation);
  return run_shared(settings, environment, [&](const program::Environment& own, const Shards* shards) {
    return measure_shared(invocation, settings, own, shards);
  });
}

}  // namespace quench::cli
