#include "agent/answer.h"

#include <iostream>

#include "core/clock.h"
#include "core/error.h"
#include "core/json_text.h"
#include "platform/measured.h"
#include "record/store.h"

namespace quench::agent {

record::Record start_record(const graph::ModelFile& model, const pack::Reader* pack, const Json& options,
                            const program::Environment& environment) {
  record::Record record;
  const Json cell = options.value("cell", Json());
  record.cell = cell.is_string() ? cell.get<std::string>() : model.path.string();
  platform::set_model(record, model);
  record.runtime = options["runtime"];
  record.threads = options["threads"].get<int64_t>();
  platform::set_host(record, environment.version);
  record.device = options["device"];
  record.config = options;
  for (const char* own : {"cell", "device", "out", "predictions", "state", "state_seconds", "progress"})
    record.config.erase(own);
  if (pack) {
    record.data = pack->header().data;
    record.config["pack_sha256"] = pack->sha256();
    record.config["data_sha256"] = pack->header().data_sha256;
    record.config["split"] = pack->header().split;
  }
  return record;
}

bool attempt(record::Record& record, const LogSink& log, const std::function<void()>& step) {
  if (record.status != "ok") return false;
  try {
    step();
    return true;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::unsupported && error.kind() != ErrorKind::backend) throw;
    platform::set_failure(record, error);
    log.warning(fmt::format("{}: {}: {}", *record.cell, record.status, error.what()));
    return false;
  }
}

void answer(record::Record& record, const Json& options) {
  record.time = utc_now();
  if (options["out"].is_string()) record::append(options["out"].get<std::string>(), record);
  std::cout << json_text(record::to_json(record)) << std::endl;
}

}  // namespace quench::agent
