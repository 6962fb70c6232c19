#include "study/forecast_entry.h"

#include <algorithm>

#include "config/study_keys.h"
#include "core/error.h"
#include "devices/capability.h"

namespace quench::study {
namespace {

using devices::Engine;
using Names = std::vector<std::string>;

/// Where none is named: what the runtime computes in.
Names default_precisions(devices::Engine engine, const std::string& runtime) {
  if (runtime.empty()) return engine == devices::Engine::cpu ? Names{"fp32", "int8"} : Names{"fp32", "fp16", "int8"};
  Names names;
  for (const devices::Precision precision : devices::precisions_of_runtime(runtime)) {
    names.push_back(devices::to_string(precision));
  }
  return names.empty() ? Names{"fp32", "int8"} : names;
}

void add_entries(std::vector<ForecastEntry>& entries, const Json& map, const std::string& where) {
  Json lists = map;
  for (const char* key : {"device", "engine", "precision"}) {  // one, or a list
    if (lists.is_object() && lists.contains(key) && lists[key].is_string()) lists[key] = Json::array({lists[key]});
  }
  const Json values = config::forecast_options().checked(lists, where);
  const Names names = values["device"].get<Names>();
  if (names.empty()) fail(ErrorKind::config, "{}: expected the key 'device', got none", where);
  const std::string runtime = values["runtime"];
  Names engines = values["engine"].get<Names>();
  if (engines.empty() && !runtime.empty()) engines = {devices::to_string(devices::engine_of_runtime(runtime))};
  if (engines.empty()) engines = {"cpu", "gpu"};
  for (const std::string& name : names) {
    for (const std::string& engine_name : engines) {
      const devices::Engine engine = devices::engine_of(engine_name);
      Names precisions = values["precision"].get<Names>();
      if (precisions.empty()) precisions = default_precisions(engine, runtime);
      for (const std::string& precision : precisions) {
        const ForecastEntry made{
            name,
            {engine, runtime.empty() ? devices::default_runtime(engine, devices::precision_of(precision)) : runtime,
             devices::precision_of(precision), values["mode"], values["threads"]}};
        if (std::ranges::find(entries, made) != entries.end()) {
          fail(ErrorKind::config, "{}: expected each entry once, got {} on the {} of {} twice", where, precision,
               engine_name, name);
        }
        entries.push_back(made);
      }
    }
  }
}

}  // namespace

std::vector<ForecastEntry> check_forecasts(const Json& forecast, const std::string& where) {
  std::vector<ForecastEntry> entries;
  for (const Json& map : forecast.is_array() ? forecast : Json::array({forecast})) add_entries(entries, map, where);
  return entries;
}

}  // namespace quench::study
