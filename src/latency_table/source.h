#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "config/tables.h"
#include "core/cancel.h"
#include "core/log.h"
#include "prune/latency_cost.h"

namespace quench::latency_table {

/// Where devices and tables are found.
struct Surroundings {
  std::filesystem::path cache_folder;    ///< tables are kept below it; empty: nowhere
  std::filesystem::path program_folder;  ///< agents for boards are looked for near it
  std::vector<std::filesystem::path> device_folders;
  std::string version;  ///< of quench
  /// Boards that have a name beside those of device files.
  struct Board {
    std::string name, address, agent, ssh_config;
  };
  std::vector<Board> boards = {};
};

/// Finds out where a model's time goes on the device that `latency_device` names: this machine (`host`) and boards, by
/// name or address, by a table of measured times; other device files by the forecast. Throws Error{config} for an
/// unknown device (naming the nearest) and for a runtime that cannot be timed by layers, Error{io} for a board that
/// cannot be reached. log and cancel must outlive it.
prune::LatencyOf latency_of(Surroundings where, const LogSink& log, const CancelToken& cancel);

/// Names what the times depend on beside settings, for keys of work: this machine, a board's address, or the content of
/// a device file and of the fit. Throws Error{config} for an unknown device.
std::string device_digest(const config::LatencySettings& settings, const Surroundings& where);

}  // namespace quench::latency_table
