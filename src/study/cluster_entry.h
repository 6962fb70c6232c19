#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/json.h"
#include "methods/chain.h"

namespace quench::study {

/// A machine whose workers do jobs of a study: a row of `hosts` in a study file.
struct HostEntry {
  std::string address;  ///< ssh://user@host:port
  int64_t workers = 1;
  std::string program;     ///< quench there; empty: the path of the one here
  std::string folder;      ///< that paths start from; empty: the path of the one here
  std::string data_root;   ///< empty: as here
  std::string ssh_config;  ///< empty: ssh's own
};

/// Throws Error{config} naming `where` for wrong keys and values, and for an address that is there twice.
std::vector<HostEntry> check_hosts(const Json& entries, const std::string& where);

/// What each kind of job asks of Slurm.
struct SlurmEntry {
  Json all;                          ///< values of config::slurm_options
  std::map<std::string, Json> kind;  ///< likewise, laid over `all`
  const Json& of(const std::string& job_kind) const;
};

/// Throws Error{config} naming `where` for unknown kinds, wrong keys and values, and a time that is none.
SlurmEntry check_slurm(const Json& map, const methods::StepTable& steps, const std::string& where);

/// A time as Slurm takes it: "90m", "4h" and "2d" in minutes, others ("4:00:00", "1-12") as they are. Throws
/// Error{config} naming `where`.
std::string slurm_time(const std::string& text, const std::string& where);

}  // namespace quench::study
