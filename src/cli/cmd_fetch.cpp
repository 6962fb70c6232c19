#include <iostream>

#include "cli/fetch_source.h"
#include "cli/lab_commands.h"
#include "cli/print.h"
#include "core/json_text.h"
#include "data/sets/find.h"
#include "fetch/fetch.h"

namespace quench::cli {
namespace {

/// What can be fetched, and what is here.
int list_weights(const Json& options, const std::filesystem::path& root) {
  std::vector<std::vector<std::string>> rows{{"name", "MB", "checksum", "found", "address"}};
  Json list = Json::array();
  for (const sources::Source& source : sources::table()) {
    if (source.kind != sources::Kind::weights) continue;
    const sources::File& file = source.files.front();
    const std::filesystem::path path = sources::weights_file(source, root);
    std::error_code ignored;
    const bool found = std::filesystem::exists(path, ignored);
    rows.push_back({source.name, file.bytes ? fmt::format("{:.1f}", static_cast<double>(file.bytes) / 1e6) : "",
                    file.sha256.empty() ? "kept at the first download" : "SHA-256", found ? path.string() : "no",
                    file.address()});
    list.push_back({{"name", source.name},
                    {"bytes", file.bytes ? Json(file.bytes) : Json()},
                    {"sha256", file.sha256.empty() ? Json() : Json(file.sha256)},
                    {"found", found ? Json(path.string()) : Json()},
                    {"address", file.address()},
                    {"licence", source.licence}});
  }
  std::cout << (options["format"] == "json" ? json_text(list, 2) + "\n" : text_table(rows));
  return program::kOk;
}

}  // namespace

int fetch_source(const program::Invocation& invocation, const Json& settings, sources::Kind kind,
                 const std::filesystem::path& root, const program::Environment& environment) {
  const fetch::Options options{settings["from"].is_null() ? "" : settings["from"].get<std::string>(), environment.log,
                               environment.cancel};
  std::vector<const sources::Source*> wanted;  // a misspelt name is told before the first download
  for (const std::string& name : invocation.inputs) wanted.push_back(&fetch::require_source(name, kind));
  for (const sources::Source* source : wanted) fetch::fetch(*source, root, options);
  return program::kOk;
}

int run_fetch(const program::Invocation& invocation, const program::Environment& environment) {
  const Json options = lab_settings(invocation);
  const std::filesystem::path root = data::root_of(options, environment.data_root);
  if (invocation.inputs.empty()) return list_weights(options, root);
  const int code = fetch_source(invocation, options, sources::Kind::weights, root, environment);
  const std::string& name = invocation.inputs.front();
  environment.log.info(
      fmt::format("`quench import {0} -o {0}.onnx` makes a model of them; `{0}` may stand wherever a "
                  "model's file may",
                  fetch::require_source(name, sources::Kind::weights).name));
  return code;
}

}  // namespace quench::cli
