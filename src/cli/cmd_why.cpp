#include <iostream>

#include "cli/comparison_images.h"
#include "cli/lab_commands.h"
#include "cli/matched_data.h"
#include "cli/model_argument.h"
#include "cli/print.h"
#include "core/error.h"
#include "core/file.h"
#include "core/json_text.h"
#include "core/printable.h"
#include "graph/onnx_interface.h"
#include "runtime/registry.h"
#include "study/stages.h"
#include "why/examine.h"
#include "why/foreign.h"
#include "why/rows.h"

namespace quench::cli {
namespace {

/// What is said beside the table, paragraph by paragraph.
std::vector<std::vector<std::string>> sentences(const why::Findings& findings) {
  return {why::facts_of(findings), why::advice_lines(findings)};
}

void print_findings(const why::Findings& findings, const std::string& format, const LogSink& log) {
  if (format == "json") {
    std::cout << json_text(why::to_json(findings), 1) << "\n";
    return;
  }
  std::cout << render_rows(why::rows_of(findings), format);
  for (const auto& paragraph : sentences(findings)) {
    if (format != "csv") std::cout << "\n";
    for (const std::string& line : paragraph) {
      if (format == "csv") {
        log.info(line);
      } else {
        std::cout << printable_line(line) << "\n";
      }
    }
  }
}

/// The training images of the settings one by one, as planes; none where no data are given.
std::vector<Tensor> images_of(const graph::ModelFile& model, const Json& settings,
                              const program::Environment& environment) {
  if (settings["data"].is_null()) return {};
  return comparison_images(model.graph,
                           study::open_data(settings, environment.data_root, environment.log, true, environment.cancel),
                           settings["images"].get<int64_t>(), settings["images_seed"].get<uint64_t>(), environment);
}

/// A model of another tool, whose file no Graph holds: whole, through ONNX Runtime. reason: why no Graph holds it.
int run_whole(const program::Invocation& invocation, const program::Environment& environment, const Json& settings,
              const std::string& reason) {
  const graph::ModelFile model = graph::read_interface(invocation.inputs.at(0));
  environment.log.warning("why: layers cannot be told apart: " + reason);
  if (settings["against"].is_null()) {
    fail(ErrorKind::config, "why: expected --against FLOAT, which the whole of {} is compared with, got none",
         model.path.string());
  }
  const graph::ModelFile against = graph::read_interface(settings["against"].get<std::string>());
  const runtime::Registry runtimes = runtime::base_registry(environment.places);
  const why::Whole whole =
      why::compare_whole(model, against, images_of(model, settings, environment), runtimes.require("onnxruntime"),
                         settings["threads"].get<int>(), settings["runs"].get<int64_t>(), *environment.cancel);
  if (settings["format"] == "json") {
    std::cout << json_text(why::to_json(whole), 1) << "\n";
  } else {
    for (const std::string& line : why::lines_of(whole)) std::cout << printable_line(line) << "\n";
  }
  return program::kOk;
}

/// The model; nothing, with the reason, where it is an ONNX file that no Graph holds.
std::optional<graph::ModelFile> layered_model(const std::string& path, const program::Environment& environment,
                                              std::string& reason) {
  try {
    return open_file(path, environment);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::data && error.kind() != ErrorKind::unsupported) throw;
    reason = error.what();
    return std::nullopt;
  }
}

}  // namespace

int run_why(const program::Invocation& invocation, const program::Environment& environment) {
  const Json settings = lab_settings(invocation);
  const auto output = file_to_write(settings, "output"), page = file_to_write(settings, "page");
  std::string reason;
  const auto model = layered_model(invocation.inputs.at(0), environment, reason);
  if (!model) return run_whole(invocation, environment, settings, reason);
  std::optional<graph::ModelFile> against;
  if (!settings["against"].is_null()) against = open_file(settings["against"].get<std::string>(), environment);
  std::optional<data::Splits> data;
  if (!settings["data"].is_null()) data = open_prepared(model->graph, settings, environment);
  const why::Subject subject{*model, against ? &*against : nullptr, data ? &*data : nullptr,
                             data ? settings["data"].get<std::string>() : ""};
  const why::Profiler profiler =
      why::native_profiler(settings["threads"].get<int>(), settings["runs"].get<int64_t>(), *environment.cancel);
  const why::Findings findings = why::examine(subject, settings, profiler, environment.log, *environment.cancel);
  if (output) write_file(*output, json_text(why::to_json(findings), 1) + "\n");
  if (page) write_file(*page, report::layer_page(why::page_of(findings)));
  print_findings(findings, settings["format"], environment.log);
  return program::kOk;
}

}  // namespace quench::cli
