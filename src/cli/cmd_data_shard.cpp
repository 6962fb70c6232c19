#include <filesystem>
#include <iostream>

#include "cli/lab_commands.h"
#include "cli/print.h"
#include "core/error.h"
#include "core/json_text.h"
#include "core/text.h"
#include "data/sets/find.h"
#include "data/sets/open.h"
#include "data/shards/sharded_set.h"
#include "data/shards/verify_shards.h"
#include "data/shards/write_shards.h"

namespace quench::cli {

namespace {

/// Throws Error{config} where a folder lies in the set: it would be taken for a part of it.
void require_outside(const std::filesystem::path& folder, const std::filesystem::path& set) {
  if (!std::filesystem::is_directory(set)) return;
  const std::filesystem::path whole = std::filesystem::weakly_canonical(set);
  const std::filesystem::path below = std::filesystem::weakly_canonical(folder).lexically_relative(whole);
  if (below.empty() || *below.begin() == "..") return;
  fail(ErrorKind::config, "data shard: expected a folder to write to outside the set {}, got {}", set.string(),
       folder.string());
}

}  // namespace

int run_data_shard(const program::Invocation& invocation, const program::Environment& environment) {
  const Json options = lab_settings(invocation);
  if (!options["output"].is_string()) {
    fail(ErrorKind::config, "data shard: expected a folder to write to, as in `-o /nfs/imagenet-shards`");
  }
  const std::filesystem::path output = options["output"].get<std::string>();
  data::ShardOptions how;
  how.shard_bytes = options["shard_mb"].get<int64_t>() << 20;
  how.form = options["form"] == "pixels" ? data::SampleForm::pixels : data::SampleForm::files;
  how.imgsz = options["imgsz"].get<int>();
  if (how.imgsz > 0 && how.form == data::SampleForm::files) {
    fail(ErrorKind::config, "data shard: expected no 'imgsz' with --form files, whose pictures stay as they are");
  }
  const std::filesystem::path root = data::root_of(options, environment.data_root);
  const std::filesystem::path set = data::find_file(invocation.inputs.at(0), root);
  require_outside(output, set);
  const data::Splits splits =
      data::open(set.string(), root, data::Opening{.log = environment.log, .cancel = environment.cancel});
  for (const std::string& note : splits.notes) environment.log.warning(note);
  const data::WrittenShards written = data::write_shards(splits, output, how, environment.log, *environment.cancel);
  environment.log.info(
      fmt::format("wrote {}: {} in {}, {}{}", output.string(), counted(written.samples, "picture"),
                  counted(written.shards, "shard"), bytes_text(written.bytes),
                  written.taken ? fmt::format(" ({} were there from an earlier call)", written.taken) : std::string()));
  return program::kOk;
}

int run_data_verify(const program::Invocation& invocation, const program::Environment& environment) {
  const Json options = lab_settings(invocation);
  const std::filesystem::path folder = invocation.inputs.at(0);
  const data::VerifiedShards found = data::verify_shards(folder, environment.log, *environment.cancel);
  std::vector<std::vector<std::string>> rows{{"shard", "problem", "pictures that cannot be read", "the first"}};
  Json faults = Json::array();
  for (const data::ShardFault& fault : found.faults) {
    rows.push_back({fault.shard, fault.problem, std::to_string(fault.samples.size()),
                    fault.samples.empty() ? "" : fault.samples.front()});
    faults.push_back({{"shard", fault.shard}, {"problem", fault.problem}, {"pictures", fault.samples}});
  }
  if (options["format"] == "json") {
    std::cout << json_text(Json{{"shards", found.shards},
                                {"pictures", found.samples},
                                {"bytes", found.bytes},
                                {"faults", faults}},
                           2)
              << "\n";
  } else if (found.faults.empty()) {
    std::cout << fmt::format("{}: all {} ({}, {}) are as they were written\n", folder.string(),
                             counted(found.shards, "shard"), counted(found.samples, "picture"),
                             bytes_text(found.bytes));
  } else {
    std::cout << text_table(rows);
  }
  return found.faults.empty() ? program::kOk : program::kCellFailed;
}

}  // namespace quench::cli
