#include <algorithm>
#include <iostream>
#include <iterator>
#include <set>

#include "cli/base_commands.h"
#include "cli/commands.h"
#include "cli/device_catalog.h"
#include "cli/model_argument.h"
#include "cli/print.h"
#include "core/clock.h"
#include "core/error.h"
#include "devices/forecast.h"
#include "platform/measured.h"

namespace quench::cli {
namespace {

using devices::Deployment;
using Names = std::vector<std::string>;

/// A list of names, each once.
Names names_of(const Json& options, const char* option) {
  Names names;
  for (const Json& name : options[option]) {
    if (std::ranges::count(names, name.get<std::string>()) == 0) names.push_back(name);
  }
  return names;
}

std::string text_of(const Json& value) { return value.is_string() ? value.get<std::string>() : ""; }

/// What is asked for. An empty list: nothing in particular.
struct Wanted {
  std::vector<devices::Device> devices;
  std::vector<devices::Engine> engines;
  std::vector<devices::Precision> precisions;
  std::string runtime;
  std::string mode;
  int64_t threads = 0;

  /// A runtime alone says its engine.
  bool any_engine() const { return engines.empty() && runtime.empty(); }
};

Wanted read_wanted(const Json& options, const devices::Catalog& catalog) {
  Wanted wanted;
  for (const std::string& name : names_of(options, "device")) {
    wanted.devices.push_back(find_device(catalog, name));
  }
  if (wanted.devices.empty()) wanted.devices = catalog.devices;
  if (wanted.devices.empty()) fail(ErrorKind::config, "no device files found: name a folder with --devices-dir");
  for (const std::string& name : names_of(options, "engine")) {
    wanted.engines.push_back(devices::engine_of(name));
  }
  for (const std::string& name : names_of(options, "precision")) {
    wanted.precisions.push_back(devices::precision_of(name));
  }
  wanted.runtime = text_of(options["runtime"]);
  wanted.mode = text_of(options["mode"]);
  wanted.threads = options["threads"];
  return wanted;
}

std::vector<devices::Engine> engines_of(const Wanted& wanted) {
  if (!wanted.engines.empty()) return wanted.engines;
  if (!wanted.runtime.empty()) return {devices::engine_of_runtime(wanted.runtime)};
  return {devices::Engine::cpu, devices::Engine::gpu};
}

/// Mistakes are said before a model is opened.
void check(const Wanted& wanted, const devices::LatencyFit& fit) {
  for (const devices::Device& device : wanted.devices) {
    for (const devices::Engine engine : engines_of(wanted)) {
      devices::require_known(fit, device,
                             {engine, wanted.runtime, devices::Precision::fp32, wanted.mode, wanted.threads});
    }
  }
}

/// Whether it deserves a row though nobody asked for just that: not FP16 by a runtime that has none, nor the GPU of a
/// device without CUDA. What the device's processor itself cannot do is worth knowing.
bool deserves_a_row(const Deployment& how, const devices::Device& device, const devices::LatencyFit& fit,
                    const Wanted& wanted) {
  const std::string runtime =
      how.runtime.empty() ? devices::preferred_runtime(fit, device, how.engine, how.precision) : how.runtime;
  const std::vector<devices::Precision> has = devices::precisions_of_runtime(runtime);
  const bool computes = has.empty() || std::ranges::count(has, how.precision) > 0;
  if (wanted.precisions.empty() && !computes) return false;
  const bool has_cuda = device.gpu && !device.gpu->compute_capability.empty();
  return !wanted.any_engine() || how.engine != devices::Engine::gpu || has_cuda;
}

/// Engines x precisions; a model says its precisions where none is asked for. Never empty: where nothing deserves a
/// row, all have one, with the reason.
std::vector<Deployment> deployments_of(const Wanted& wanted, const devices::Device& device,
                                       const devices::LatencyFit& fit, const devices::ModelWork& work) {
  std::vector<Deployment> all, chosen;
  for (const devices::Engine engine : engines_of(wanted)) {
    for (const devices::Precision precision :
         wanted.precisions.empty() ? devices::precisions_of(work) : wanted.precisions) {
      all.push_back({engine, wanted.runtime, precision, wanted.mode, wanted.threads});
    }
  }
  std::ranges::copy_if(all, std::back_inserter(chosen),
                       [&](const Deployment& how) { return deserves_a_row(how, device, fit, wanted); });
  return chosen.empty() ? all : chosen;
}

/// A record of the model's file. A float model in FP16 or INT8 is not the file's `fp32`, nor has a method made it.
record::Record start(const record::Record& of_file, const devices::ModelWork& work, devices::Precision precision) {
  record::Record record = of_file;
  if (!work.quantized && precision != devices::Precision::fp32 && record.method == "fp32") record.method.reset();
  return record;
}

/// What forecasts rest on, each said once.
void say_evidence(const std::vector<record::Record>& records, const LogSink& log) {
  std::set<std::string> said;
  for (const record::Record& record : records) {
    if (!record.config.contains("evidence")) continue;
    const std::string line = fmt::format("{}, {}: {}", *record.device, record.config["engine"].get<std::string>(),
                                         record.config["evidence"].get<std::string>());
    if (said.insert(line).second) log.info(line);
  }
}

/// Records; as JSON each with its precision, which a record keeps in its config, beside its runtime.
std::string text_of(const std::vector<record::Record>& records, const std::string& format) {
  if (format != "json") return render(records, format);
  Json list = Json::array();
  for (const record::Record& record : records) {
    list.push_back(record::to_json(record));
    list.back()["precision"] = record.config["precision"];
  }
  return render_objects(list, format);
}

}  // namespace

int run_devices_forecast(const program::Invocation& invocation, const program::Environment& environment) {
  const Json options = program::settings(command("devices forecast"), Json::object(), invocation);
  const devices::Catalog catalog = device_catalog(options, environment);
  const Wanted asked = read_wanted(options, catalog);
  check(asked, catalog.fit);
  require_a_name(invocation.inputs, options);
  std::vector<record::Record> records;
  for (const std::string& argument : invocation.inputs) {
    const graph::ModelFile model = open_model(argument, options, environment);
    const devices::ModelWork work = devices::work_of(model.graph);
    record::Record known;
    known.cell = argument;
    platform::set_model(known, model);
    known.quench_version = environment.version;
    known.time = utc_now();
    for (const devices::Device& device : asked.devices) {
      for (const Deployment& deployment : deployments_of(asked, device, catalog.fit, work)) {
        records.push_back(start(known, work, deployment.precision));
        devices::set_forecast(records.back(), catalog.fit, device, deployment, work);
      }
    }
  }
  say_evidence(records, environment.log);
  std::cout << text_of(records, options["format"]);
  const auto ran = [](const record::Record& record) { return record.status == "ok"; };
  return std::ranges::any_of(records, ran) ? program::kOk : program::kCellFailed;
}

}  // namespace quench::cli
