#include <iostream>

#include "calibration/compare.h"
#include "calibration/rows.h"
#include "cli/lab_commands.h"
#include "cli/matched_data.h"
#include "cli/model_argument.h"
#include "cli/print.h"
#include "config/requantization.h"
#include "core/file.h"
#include "core/json_text.h"
#include "core/printable.h"
#include "study/stages.h"

namespace quench::cli {
namespace {

void print_calibrations(const calibration::Findings& findings, const std::string& format, const LogSink& log) {
  if (format == "json") {
    std::cout << json_text(calibration::to_json(findings), 1) << "\n";
    return;
  }
  std::cout << render_rows(calibration::rows_of(findings), format);
  for (const auto& paragraph : {calibration::facts_of(findings), calibration::advice_of(findings)}) {
    if (format != "csv" && !paragraph.empty()) std::cout << "\n";
    for (const std::string& line : paragraph) {
      if (format == "csv") {
        log.info(line);
      } else {
        std::cout << printable_line(line) << "\n";
      }
    }
  }
}

}  // namespace

int run_calibrate(const program::Invocation& invocation, const program::Environment& environment) {
  const Json settings = lab_settings(invocation);
  config::require_silu_tables(given_settings(invocation), "calibrate");
  const auto output = file_to_write(settings, "output"), page = file_to_write(settings, "page"),
             list = file_to_write(settings, "settings_file");
  const graph::ModelFile model = open_file(invocation.inputs.at(0), environment);
  const bool looks_alone = !settings["compare"].get<bool>();  // scores need labels, looking does not
  const data::Splits data = open_prepared(model.graph, settings, environment, looks_alone);
  const calibration::Findings findings =
      calibration::compare(model, data, settings, environment.log, *environment.cancel);
  if (output) write_file(*output, json_text(calibration::to_json(findings), 1) + "\n");
  if (page) write_file(*page, report::layer_page(calibration::page_of(findings)));
  if (list && !findings.settings_yaml.empty()) write_file(*list, findings.settings_yaml);
  print_calibrations(findings, settings["format"], environment.log);
  if (list && findings.settings_yaml.empty()) {
    environment.log.info(fmt::format(
        "calibrate: {} is not written: {}", list->string(),
        settings["compare"].get<bool>() ? "the recommended pictures are a random choice, which the command makes itself"
                                        : "without --compare no pictures are recommended"));
  }
  if (!list && !findings.settings_yaml.empty()) {
    environment.log.info("calibrate: --settings-file pictures.yaml writes the file of settings that the command reads");
  }
  return program::kOk;
}

}  // namespace quench::cli
