#include "study/progress.h"

#include <unistd.h>

#include "core/clock.h"
#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/json_text.h"
#include "study/lock.h"

namespace quench::study {
namespace {

namespace fs = std::filesystem;

const char* const kFile = "progress.json";

std::optional<JobState> failed_state(const std::string& text) {
  for (const JobState state : {JobState::failed, JobState::unsupported, JobState::skipped}) {
    if (text == to_string(state)) return state;
  }
  return std::nullopt;
}

}  // namespace

Progress::Progress(const fs::path& folder) : file_(folder / kFile) {
  std::error_code code;
  fs::remove(file_, code);
}

Progress::~Progress() {
  if (!running_) return;
  running_.reset();
  if (!failures_.empty()) {
    save();
    return;
  }
  std::error_code code;
  fs::remove(file_, code);
}

void Progress::begins(const Job& job) {
  running_ = {job.key, job.kind, job.name, utc_now(), ::getpid()};
  save();
}

void Progress::fails(const std::string& key, JobState state, const std::string& reason) {
  failures_[key] = {state, reason};
  save();
}

void Progress::save() const {
  Json failures = Json::object();
  for (const auto& [key, failure] : failures_) {
    failures[key] = {{"state", to_string(failure.state)}, {"reason", failure.reason}};
  }
  Json running;
  if (running_) {
    running = {{"key", running_->key},
               {"job", running_->kind},
               {"of", running_->name},
               {"since", running_->since},
               {"process", running_->process}};
  }
  try {
    write_file(file_, json_text({{"running", running}, {"failures", failures}}, 2) + "\n");
  } catch (const Error&) {
    // A run that nobody can watch is a run still.
  }
}

SeenProgress read_progress(const fs::path& folder) {
  SeenProgress seen;
  try {
    const Json said = read_json(folder / kFile);
    for (const auto& [key, failure] : said.at("failures").items()) {
      const auto state = failed_state(failure.at("state").get<std::string>());
      if (state) seen.failures[key] = {*state, failure.at("reason").get<std::string>()};
    }
    const Json& running = said.at("running");
    if (running.is_null()) return seen;
    const RunningJob job{running.at("key").get<std::string>(), running.at("job").get<std::string>(),
                         running.at("of").get<std::string>(), running.at("since").get<std::string>(),
                         running.at("process").get<int64_t>()};
    if (lock_holder(folder) == job.process) seen.running = job;
  } catch (const std::exception&) {
    // none ran, or not one of ours
  }
  return seen;
}

}  // namespace quench::study
