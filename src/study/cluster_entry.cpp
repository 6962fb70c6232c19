#include "study/cluster_entry.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "config/study_keys.h"
#include "core/error.h"
#include "core/text.h"
#include "remote/ssh.h"

namespace quench::study {
namespace {

/// A value that is a line of a script: nothing in it may begin another.
void require_line(const std::string& value, const std::string& where) {
  if (value.find_first_of("\n\r") != std::string::npos) {
    fail(ErrorKind::config, "{}: expected one line, got one with an end of line in it", where);
  }
}

}  // namespace

std::vector<HostEntry> check_hosts(const Json& entries, const std::string& where) {
  std::vector<HostEntry> hosts;
  std::set<std::string> seen;
  for (const Json& entry : entries.is_array() ? entries : Json::array({entries})) {
    const Json map = entry.is_string() ? Json{{"address", entry}} : entry;
    const Json values = config::study_host_options().checked(map, where);
    if (!values["address"].is_string()) {
      fail(ErrorKind::config, "{}: expected an address ssh://user@host[:port], got {}", where, entry.dump());
    }
    const auto text = [&](const char* key) { return values[key].is_string() ? values[key].get<std::string>() : ""; };
    HostEntry host{text("address"),   values["workers"].get<int64_t>(),
                   text("program"),   text("folder"),
                   text("data_root"), text("ssh_config")};
    remote::parse_ssh_address(host.address);
    if (!seen.insert(host.address).second) {
      fail(ErrorKind::config, "{}: expected each address once (`workers` says how many work there), got {} twice",
           where, host.address);
    }
    hosts.push_back(std::move(host));
  }
  return hosts;
}

const Json& SlurmEntry::of(const std::string& job_kind) const {
  const auto found = kind.find(job_kind);
  return found == kind.end() ? all : found->second;
}

SlurmEntry check_slurm(const Json& map, const methods::StepTable& steps, const std::string& where) {
  if (!map.is_object()) fail(ErrorKind::config, "{}: expected a map, got {}", where, map.dump());
  std::vector<std::string> kinds{"all", "evaluate", "bench", "device"};
  for (const methods::StepInfo& step : steps.all()) kinds.push_back(step.name);
  for (const auto& [kind, value] : map.items()) {
    if (!std::ranges::count(kinds, kind)) {
      fail(ErrorKind::config, "{}: unknown kind of job '{}'{}", where, kind, suggestion(kind, kinds));
    }
    if (!value.is_object()) fail(ErrorKind::config, "{}.{}: expected a map, got {}", where, kind, value.dump());
  }
  const auto checked = [&](const Json& values, const std::string& place) {
    Json whole = config::slurm_options().checked(values, place);
    for (const auto& [key, value] : whole.items()) {
      for (const Json& line : value.is_array() ? value : Json::array({value})) {
        if (line.is_string()) require_line(line.get<std::string>(), place + "." + key);
      }
    }
    for (const Json& option : whole["options"]) {
      if (!option.get<std::string>().starts_with("-")) {
        fail(ErrorKind::config, "{}.options: expected options of sbatch, as --mail-type=FAIL, got {}", place,
             option.dump());
      }
    }
    whole["time"] = slurm_time(whole["time"].get<std::string>(), place + ".time");
    return whole;
  };
  const Json given = map.value("all", Json::object());
  SlurmEntry entry{checked(given, where + ".all"), {}};
  for (const std::string& kind : kinds) {
    if (kind == "all" || (kind != "bench" && !map.contains(kind))) continue;
    Json own = given;
    if (kind == "bench") own["exclusive"] = true;
    own.update(map.value(kind, Json::object()));
    entry.kind[kind] = checked(own, where + "." + kind);
  }
  return entry;
}

std::string slurm_time(const std::string& text, const std::string& where) {
  if (text.empty()) return text;
  double amount = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), amount);
  const std::string unit(end, text.data() + text.size());
  const std::map<std::string, double> minutes{{"m", 1}, {"min", 1}, {"h", 60}, {"d", 24 * 60}};
  if (code == std::errc() && amount > 0) {
    if (const auto found = minutes.find(unit); found != minutes.end()) {
      return std::to_string(std::max<int64_t>(1, static_cast<int64_t>(amount * found->second)));
    }
  }
  const bool own = text.find_first_not_of("0123456789-:") == std::string::npos && std::isdigit(text[0]);
  if (!own) fail(ErrorKind::config, "{}: expected a time as 90m, 4h, 2d or 4:00:00, got '{}'", where, text);
  return text;
}

}  // namespace quench::study
