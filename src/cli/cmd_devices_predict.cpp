#include <algorithm>
#include <iostream>
#include <set>

#include "cli/base_commands.h"
#include "cli/device_catalog.h"
#include "cli/model_argument.h"
#include "cli/print.h"
#include "core/clock.h"
#include "core/error.h"
#include "devices/predicted.h"
#include "platform/measured.h"

namespace quench::cli {
namespace {

using devices::Deployment;
using Names = std::vector<std::string>;

std::vector<devices::Device> devices_of(const Json& options, const devices::Catalog& catalog) {
  std::vector<devices::Device> chosen;
  for (const std::string& name : options["device"].get<Names>()) chosen.push_back(find_device(catalog, name));
  if (chosen.empty()) chosen = catalog.devices;
  if (chosen.empty()) fail(ErrorKind::config, "no device files found: name a folder with --devices-dir");
  return chosen;
}

/// Engines x precisions, as the settings name them. A runtime alone says its engine, a model its precisions.
std::vector<Deployment> deployments_of(const Json& options, const devices::ModelWork& work) {
  const std::string runtime = options["runtime"].is_string() ? options["runtime"].get<std::string>() : "";
  const std::string mode = options["mode"].is_string() ? options["mode"].get<std::string>() : "";
  std::vector<devices::Engine> engines;
  for (const std::string& engine : options["engine"].get<Names>()) engines.push_back(devices::engine_of(engine));
  if (engines.empty() && !runtime.empty()) engines = {devices::engine_of_runtime(runtime)};
  if (engines.empty()) engines = {devices::Engine::cpu, devices::Engine::gpu};
  std::vector<devices::Precision> precisions;
  for (const std::string& name : options["precision"].get<Names>()) precisions.push_back(devices::precision_of(name));
  if (precisions.empty()) precisions = devices::precisions_of(work);
  std::vector<Deployment> deployments;
  for (const devices::Engine engine : engines) {
    for (const devices::Precision precision : precisions) {
      deployments.push_back({engine, runtime, precision, mode, options["threads"]});
    }
  }
  return deployments;
}

/// A record of the model's file. A float model in FP16 or INT8 is not the file's `fp32`, nor has a method made it.
record::Record start(const record::Record& of_file, const devices::ModelWork& work, devices::Precision precision) {
  record::Record record = of_file;
  if (!work.quantized && precision != devices::Precision::fp32 && record.method == "fp32") record.method.reset();
  return record;
}

/// What predictions rest on, each said once.
void say_evidence(const std::vector<record::Record>& records, const LogSink& log) {
  std::set<std::string> said;
  for (const record::Record& record : records) {
    if (!record.config.contains("evidence")) continue;
    const std::string line = fmt::format("{}, {}: {}", *record.device, record.config["engine"].get<std::string>(),
                                         record.config["evidence"].get<std::string>());
    if (said.insert(line).second) log.info(line);
  }
}

}  // namespace

int run_devices_predict(const Invocation& invocation, const Environment& environment) {
  const Json options = settings(command("devices predict"), Json::object(), invocation);
  const devices::Catalog catalog = device_catalog(options, environment);
  const std::vector<devices::Device> chosen = devices_of(options, catalog);
  std::vector<record::Record> records;
  for (const std::string& argument : invocation.inputs) {
    const graph::ModelFile model = open_model(argument, options);
    const devices::ModelWork work = devices::work_of(model.graph);
    record::Record known;
    known.cell = argument;
    platform::set_model(known, model);
    known.quench_version = environment.version;
    known.time = utc_now();
    for (const devices::Device& device : chosen) {
      for (const Deployment& deployment : deployments_of(options, work)) {
        records.push_back(start(known, work, deployment.precision));
        devices::set_prediction(records.back(), catalog.fit, device, deployment, work);
      }
    }
  }
  say_evidence(records, environment.log);
  std::cout << render(records, options["format"]);
  const auto predicted = [](const record::Record& record) { return record.status == "ok"; };
  return std::ranges::any_of(records, predicted) ? kOk : kCellFailed;
}

}  // namespace quench::cli
