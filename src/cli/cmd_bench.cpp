#include <iostream>
#include <memory>
#include <set>

#include "cli/base_commands.h"
#include "cli/bench_profile.h"
#include "cli/bench_session.h"
#include "cli/bench_streams.h"
#include "cli/commands.h"
#include "cli/model_argument.h"
#include "cli/print.h"
#include "cli/reading_settings.h"
#include "cli/remote.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/json_text.h"
#include "graph/magnitude.h"
#include "platform/bench_set.h"
#include "platform/measured.h"

namespace quench::cli {
namespace {

record::Record record_of(const graph::ModelFile& model, const std::string& runtime, const Json& options,
                         const program::Environment& environment) {
  record::Record record;
  record.cell = model.path.string();
  platform::set_model(record, model);
  platform::set_compressed(record, model);
  record.runtime = runtime;
  record.threads = options["threads"].get<int64_t>();
  platform::set_host(record, environment.version);
  platform::set_predicted(record, model);
  record.config = options;
  return record;
}

/// Before time is spent: whether the settings go together.
void check_settings(const Json& options) {
  if (options["profile"] && options["format"] != "table") {
    fail(ErrorKind::config, "bench --profile: expected --format table, got {}", options["format"].dump());
  }
  std::set<std::string> seen;
  for (const std::string runtime : options["runtime"]) {
    if (!seen.insert(runtime).second)
      fail(ErrorKind::config, "bench: expected each runtime once, got '{}' twice", runtime);
    if (options["isa"] != "auto" && runtime != "native") {
      fail(ErrorKind::config, "bench --isa: expected the runtime native, got '{}'", runtime);
    }
  }
}

}  // namespace

int run_bench(const program::Invocation& invocation, const program::Environment& environment,
              const runtime::Registry& registry) {
  const Json options = program::settings(command("bench"), Json::object(), invocation);
  check_settings(options);
  check_streams(options, invocation.flags);
  require_a_name(invocation.inputs, options);
  if (is_remote(options)) return run_bench_remote(invocation, environment);
  std::vector<graph::ModelFile> models;
  for (const std::string& argument : invocation.inputs) models.push_back(open_model(argument, options, environment));
  for (const graph::ModelFile& model : models) graph::require_magnitudes(model.graph);
  require_settings_of_tasks(invocation.flags, models);
  if (wants_streams(options)) return run_bench_streams(models, options, environment, registry);
  std::vector<platform::BenchEntry> entries;
  std::vector<record::Record> records;
  records.reserve(models.size() * options["runtime"].size());  // entries point at them
  for (const graph::ModelFile& model : models) {
    for (const Json& name : options["runtime"]) {
      records.push_back(record_of(model, name, options, environment));
      entries.push_back({.name = fmt::format("{} / {}", model.path.string(), name.get<std::string>()),
                         .runtime = name,
                         .model = &model,
                         .options = bench_session(options),
                         .record = &records.back()});
    }
  }
  platform::BenchSetOptions set;
  set.measure = {.min_samples = options["min_samples"].get<int64_t>(),
                 .min_seconds = options["min_seconds"].get<double>()};
  set.opened = [&](size_t i) {
    if (options["profile"]) require_layer_times(entries[i]);
  };
  set.failed = [&](size_t i, const Error& error) {
    if (error.kind() != ErrorKind::unsupported) throw;
    platform::set_failure(records[i], error);
  };
  platform::bench_set(entries, registry, set, environment.log, *environment.cancel);
  for (record::Record& record : records) record.time = utc_now();
  std::cout << render(records, options["format"]);
  bool failed = false;
  for (platform::BenchEntry& entry : entries) {
    failed |= entry.record->status != "ok";
    if (entry.record->status == "ok" && options["profile"]) print_profile(entry);
  }
  return failed ? program::kCellFailed : program::kOk;
}

int run_runtimes(const program::Invocation& invocation, const program::Environment&,
                 const runtime::Registry& registry) {
  const Json options = program::settings(command("runtimes"), Json::object(), invocation);
  std::vector<std::vector<std::string>> rows{{"runtime", "available", "version", "reason"}};
  Json list = Json::array();
  for (const auto& runtime : registry.all()) {
    const runtime::Availability state = runtime->availability();
    rows.push_back({runtime->name(), state.available ? "yes" : "no", state.version, state.reason});
    list.push_back({{"runtime", runtime->name()},
                    {"available", state.available},
                    {"version", state.version},
                    {"reason", state.reason}});
  }
  std::cout << (options["format"] == "json" ? json_text(list, 2) + "\n" : text_table(rows));
  return program::kOk;
}

}  // namespace quench::cli
