#include <fmt/format.h>

#include <iostream>

#include "cli/lab_commands.h"
#include "cli/print.h"
#include "core/error.h"
#include "core/text.h"
#include "inference/registry.h"
#include "study/verify.h"

namespace quench::cli {
namespace fs = std::filesystem;

namespace {

std::string percent(const std::optional<double>& fraction) {
  return fraction ? fmt::format("{:.2f}", 100 * *fraction) : "";
}
std::string ms(const std::optional<double>& ns) { return ns ? fmt::format("{:.3f}", *ns * 1e-6) : ""; }

}  // namespace

int run_study_archive(const program::Invocation& invocation, const program::Environment& environment) {
  const Json options = lab_settings(invocation);
  const fs::path output = require_output(options, invocation);
  study::write_archive(invocation.inputs.at(0), output, environment.version, environment.log);
  return program::kOk;
}

int run_study_verify(const program::Invocation& invocation, const program::Environment& environment) {
  const Json options = lab_settings(invocation);
  const study::Archive archive(invocation.inputs.at(0));
  const Json& manifest = archive.manifest();
  environment.log.info(fmt::format("study {}, archived {} on {} by quench {}", manifest.value("study", ""),
                                   manifest.value("made", "?"), manifest.value("host", "?"),
                                   manifest.value("quench_version", "?")));
  const std::vector<std::string> faults = archive.file_faults();
  for (const std::string& fault : faults) environment.log.warning(fault);
  if (!faults.empty()) {
    fail(ErrorKind::data, "study verify: the archive is not as it was written ({}); nothing was run",
         counted(static_cast<int64_t>(faults.size()), "fault"));
  }
  const size_t files = manifest.at("files").size();
  environment.log.info(fmt::format("{} files are as they were written, and records name them rightly", files));
  const runtime::Registry registry = inference::full_registry(environment.places);
  const study::VerifyOptions wanted{data::root_of(options, environment.data_root), options["accuracy"],
                                    options["latency"], &registry};
  const std::vector<study::VerifiedRow> rows = study::verify(archive, wanted, environment.log, *environment.cancel);
  std::vector<std::vector<std::string>> table{
      {"row", "accuracy then %", "now %", "p50 then ms", "now ms", "now / then", "verdict"}};
  size_t wrong = 0, equal = 0;
  for (const study::VerifiedRow& row : rows) {
    const bool timed = row.latency_then && row.latency_now;
    std::string verdict = "not tried" + (row.note.empty() ? "" : ": " + row.note);
    if (!row.fault.empty()) {
      verdict = "WRONG: " + row.fault;
      ++wrong;
    } else if (row.accuracy_now) {
      verdict = "the same accuracy";
      ++equal;
    }
    table.push_back({row.cell, percent(row.accuracy_then), percent(row.accuracy_now), ms(row.latency_then),
                     ms(row.latency_now), timed ? fmt::format("{:.2f}", *row.latency_now / *row.latency_then) : "",
                     verdict});
  }
  std::cout << text_table(table)
            << fmt::format("\n{} rows: {} of the same accuracy, {} wrong, {} not tried\n", rows.size(), equal, wrong,
                           rows.size() - equal - wrong);
  return wrong > 0 ? program::kCellFailed : program::kOk;
}

}  // namespace quench::cli
