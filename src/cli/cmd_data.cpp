#include <iostream>

#include "cli/lab_commands.h"
#include "cli/print.h"
#include "core/file.h"
#include "data/catalog.h"
#include "data/fetch.h"
#include "study/stages.h"

namespace quench::cli {
namespace {

int list_data(const Json& options, const std::filesystem::path& root) {
  std::vector<std::vector<std::string>> rows{{"name", "description", "found", "to get it"}};
  Json list = Json::array();
  for (const data::CatalogEntry& entry : data::catalog(root)) {
    rows.push_back({entry.name, entry.description, entry.found.empty() ? "no" : entry.found, entry.how_to_get});
    list.push_back({{"name", entry.name},
                    {"description", entry.description},
                    {"found", entry.found},
                    {"how_to_get", entry.how_to_get}});
  }
  std::cout << (options["format"] == "json" ? list.dump(2) + "\n" : text_table(rows));
  return kOk;
}

int show_data(const Invocation& invocation, const Json& options, const std::filesystem::path& root,
              const Environment& environment) {
  const std::filesystem::path output = require_output(options, invocation);
  const data::Splits splits = data::open(invocation.inputs.at(0), root);
  const data::Dataset& split = options["split"] == "train" ? *splits.train : *splits.test;
  write_file(output, data::contact_sheet(split, options["count"].get<int64_t>(), 8));
  environment.log.info(fmt::format("wrote {}: {} of {} images, {} classes", output.string(),
                                   std::min(options["count"].get<int64_t>(), split.size()), split.size(),
                                   split.classes().size()));
  return kOk;
}

}  // namespace

int run_data(const Invocation& invocation, const Environment& environment) {
  const Json options = lab_settings(invocation);
  const std::filesystem::path root = study::data_root_of(options, environment.data_root);
  if (invocation.command == "data list") return list_data(options, root);
  if (invocation.command == "data show") return show_data(invocation, options, root, environment);
  data::fetch(invocation.inputs.at(0), root, environment.log, environment.cancel);
  return kOk;
}

}  // namespace quench::cli
