#include "latency_table/source.h"

#include <algorithm>
#include <optional>

#include "core/error.h"
#include "core/hash.h"
#include "core/processors.h"
#include "core/text.h"
#include "devices/catalog.h"
#include "latency_table/forecast.h"
#include "latency_table/learn.h"
#include "latency_table/timer.h"

namespace quench::latency_table {
namespace {

using config::LatencySettings;

constexpr const char* kHost = "host";
constexpr const char* kTimedRuntime = "native";

/// What a name of a device means.
struct Chosen {
  std::optional<remote::AgentPlace> board;
  std::optional<devices::Device> device;  ///< for a forecast; neither: this machine
  devices::LatencyFit fit;
};

Chosen choose(const std::string& name, const Surroundings& where) {
  if (name == kHost) return {};
  const auto place = [&](const std::string& address, const std::string& shown) {
    remote::AgentPlace there;
    there.address = address;
    there.name = shown;
    there.program_folder = where.program_folder;
    return there;
  };
  if (name.starts_with("ssh://")) return {place(name, ""), {}, {}};
  std::vector<std::string> names{kHost};
  for (const Surroundings::Board& board : where.boards) {
    if (board.name == name) {
      remote::AgentPlace there = place(board.address, name);
      there.agent = board.agent;
      there.ssh.config = board.ssh_config;
      return {there, {}, {}};
    }
    names.push_back(board.name);
  }
  const devices::Catalog catalog = devices::load_catalog(where.device_folders);
  const auto found = std::ranges::find(catalog.devices, name, &devices::Device::name);
  if (found == catalog.devices.end()) {
    std::ranges::copy(catalog.names(), std::back_inserter(names));
    std::string folders;
    for (const auto& folder : where.device_folders) folders += (folders.empty() ? "" : ", ") + folder.string();
    fail(ErrorKind::config,
         "unknown device '{}'{}: expected host, ssh://user@host[:port] or the name of a device file in {} "
         "($QUENCH_DEVICES)",
         name, suggestion(name, names), folders.empty() ? "no folder that was found" : folders);
  }
  if (!found->address.empty()) return {place(found->address, name), {}, {}};
  return {{}, *found, catalog.fit};
}

std::unique_ptr<Timer> timer_of(const Chosen& chosen, int threads, const LogSink& log, const CancelToken& cancel) {
  if (chosen.board) return board_timer(*chosen.board, threads, log, cancel);
  return host_timer(threads, cancel);
}

}  // namespace

prune::LatencyOf latency_of(Surroundings where, const LogSink& log, const CancelToken& cancel) {
  return [where = std::move(where), &log, &cancel](const graph::Graph& graph, const Json& values) {
    const LatencySettings settings = config::latency_settings(values);
    const Chosen chosen = choose(settings.device, where);
    prune::Latency latency;
    if (chosen.device) {
      latency = forecast_latency(graph, *chosen.device, chosen.fit, settings);
    } else {
      if (settings.runtime != kTimedRuntime) {
        fail(ErrorKind::config, "latency_runtime: expected {}, the one whose layers are timed, got '{}'", kTimedRuntime,
             settings.runtime);
      }
      if (!chosen.board && settings.threads > usable_processors()) {
        fail(ErrorKind::config, "latency_threads: expected at most {}, the processors that may be used here, got {}",
             usable_processors(), settings.threads);
      }
      const std::unique_ptr<Timer> timer = timer_of(chosen, static_cast<int>(settings.threads), log, cancel);
      const Machine machine{timer->device(), settings.runtime, settings.threads, settings.precision, where.version};
      latency = measured_latency(graph, machine, *timer, where.cache_folder, log, cancel);
    }
    latency.told["latency_device"] = settings.device;
    latency.told["latency_runtime"] = settings.runtime;
    latency.told["latency_threads"] = settings.threads;
    latency.told["latency_precision"] = settings.precision;
    return latency;
  };
}

std::string device_digest(const LatencySettings& settings, const Surroundings& where) {
  const Chosen chosen = choose(settings.device, where);
  if (chosen.board) return chosen.board->address;
  if (!chosen.device) return this_machine();
  return sha256_hex(
      canonical_text({{"device", devices::to_json(*chosen.device)}, {"fit", devices::to_yaml(chosen.fit)}}));
}

}  // namespace quench::latency_table
