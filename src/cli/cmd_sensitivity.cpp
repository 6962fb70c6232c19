#include <iostream>

#include "bits/measure.h"
#include "bits/sensitivity_rows.h"
#include "cli/lab_commands.h"
#include "cli/model_argument.h"
#include "cli/print.h"
#include "core/error.h"
#include "core/file.h"
#include "study/stages.h"

namespace quench::cli {
namespace {

namespace fs = std::filesystem;

/// A file that is written at the end: that it can be is asked before the work.
std::optional<fs::path> written(const Json& settings, const char* name) {
  if (settings[name].is_null()) return std::nullopt;
  fs::path path = settings[name].get<std::string>();
  require_writable(path.has_parent_path() ? path.parent_path() : fs::path("."));
  return path;
}

}  // namespace

int run_sensitivity(const program::Invocation& invocation, const program::Environment& environment) {
  const Json settings = lab_settings(invocation);
  const auto output = written(settings, "output"), page = written(settings, "page");
  const graph::ModelFile model = open_file(invocation.inputs.at(0));
  const data::Splits data = study::open_data(settings, environment.data_root, environment.log);
  const bits::Sensitivity table =
      bits::measure_sensitivity(model, data, settings, environment.log, *environment.cancel);
  if (output) write_file(*output, bits::to_json(table).dump(1) + "\n");
  if (page) write_file(*page, report::layer_page(bits::page_of(table)));
  const std::string format = settings["format"];
  if (format == "json") {
    std::cout << bits::to_json(table).dump(1) << "\n";
  } else {
    std::cout << render_rows(bits::rows_of(table), format);
  }
  return program::kOk;
}

}  // namespace quench::cli
