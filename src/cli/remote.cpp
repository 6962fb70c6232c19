#include "cli/remote.h"

#include <algorithm>
#include <iostream>

#include "cli/commands.h"
#include "cli/model_argument.h"
#include "cli/print.h"
#include "config/tables.h"
#include "core/error.h"
#include "remote/remote_agent.h"

namespace quench::cli {
namespace {

using config::Option;
using T = config::OptionType;

}  // namespace

remote::RemoteAgent connect(const Json& options, const program::Environment& environment) {
  remote::AgentPlace place;
  place.address = options["device"];
  if (options["agent"].is_string()) place.agent = options["agent"].get<std::string>();
  if (options["ssh_config"].is_string()) place.ssh.config = options["ssh_config"].get<std::string>();
  place.program_folder = environment.places.program_folder;
  return {place, environment.log, *environment.cancel};
}

namespace {

std::optional<remote::RemoteFile> pack_of(const Json& options) {
  if (!options["pack"].is_string()) return std::nullopt;
  const std::string path = options["pack"];
  return remote::RemoteFile::of_file(path, path);
}

int print(const std::vector<record::Record>& records, const Json& options) {
  std::cout << render(records, options["format"]);
  const bool all_ok = std::ranges::all_of(records, [](const record::Record& record) { return record.status == "ok"; });
  return all_ok ? program::kOk : program::kCellFailed;
}

}  // namespace

config::OptionSet remote_options() {
  return config::OptionSet(
      {Option{"device", T::text, "host",
              "device that the models run on: host (this machine), or ssh://user@host[:port], by quench-agent"},
       Option{"pack", T::text, nullptr, "sample pack (quench data pack) whose images the device takes"},
       Option{"agent", T::text, nullptr, "file of quench-agent for the device (default: looked for near this program)"},
       Option{"ssh_config", T::text, nullptr, "configuration file of ssh (default: ssh's own)"}});
}

bool is_remote(const Json& options) {
  const std::string device = options["device"];
  if (device != "host" && !device.starts_with("ssh://")) {
    fail(ErrorKind::config, "--device: expected host or ssh://user@host[:port], got '{}'", device);
  }
  if (device != "host") return true;
  for (const char* key : {"pack", "agent", "ssh_config"}) {
    if (!options.value(key, Json()).is_null())
      fail(ErrorKind::config, "'{}' goes with --device ssh://..., got none", key);
  }
  return false;
}

int run_bench_remote(const program::Invocation& invocation, const program::Environment& environment) {
  const Json options = program::settings(command("bench"), Json::object(), invocation);
  if (options["profile"]) fail(ErrorKind::config, "bench --profile: expected this machine, got a device");
  remote::AgentRequest request;
  request.command = "bench";
  request.pack = pack_of(options);
  std::vector<std::string> paths;
  for (const std::string& argument : invocation.inputs) {
    graph::ModelFile model = open_model(argument, options, environment);
    request.models.push_back(remote::RemoteFile::of_bytes(argument, std::move(model.bytes)));
    paths.push_back(argument);
  }
  request.settings = config::bench_options().part_of(options);
  remote::RemoteAgent device = connect(options, environment);
  std::vector<record::Record> records;
  for (const Json& runtime : options["runtime"]) {
    request.settings["runtime"] = runtime;
    std::vector<record::Record> answers = device.run(request).records;
    for (size_t i = 0; i < answers.size(); ++i) {
      answers[i].cell = paths[i];
      records.push_back(std::move(answers[i]));
    }
  }
  return print(records, options);
}

int run_eval_remote(const program::Invocation& invocation, const program::Environment& environment) {
  const Json options = program::settings(command("eval"), Json::object(), invocation);
  const config::OptionSet detect = config::detect_options().without({"rect"});
  for (const auto& item : invocation.flags.items()) {
    const std::string& key = item.key();
    const bool taken = remote_options().find(key) || detect.find(key) || key == "runtime" || key == "threads" ||
                       key == "batch" || key == "test_limit" || key == "format";
    if (!taken) fail(ErrorKind::config, "eval: '{}' goes with evaluation here, not with --device", key);
  }
  if (options["pack"].is_null() || invocation.inputs.empty()) {
    fail(ErrorKind::config, "eval: expected a MODEL and --pack FILE with --device (quench data pack makes one)");
  }
  const std::string path = invocation.inputs.front();
  remote::AgentRequest request;
  request.command = "eval";
  request.models.push_back(remote::RemoteFile::of_bytes(path, open_model(path, Json::object(), environment).bytes));
  request.pack = pack_of(options);
  request.settings = detect.part_of(options);
  for (const char* key : {"runtime", "threads"}) request.settings[key] = options[key];
  request.settings["limit"] = options["test_limit"];
  if (invocation.flags.contains("batch")) request.settings["batch"] = options["batch"];
  std::vector<record::Record> records = connect(options, environment).run(request).records;
  records.front().cell = path;
  return print(records, options);
}

}  // namespace quench::cli
