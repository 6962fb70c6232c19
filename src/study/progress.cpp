#include "study/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <fstream>

#include "core/clock.h"
#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/json_text.h"
#include "study/lock.h"

namespace quench::study {
namespace {

namespace fs = std::filesystem;

const char* const kRunning = "running.json";
const char* const kFailures = "failures.jsonl";
constexpr int64_t kPauseNs = 2'000'000'000;  ///< between two lines of progress

std::optional<JobState> failed_state(const std::string& text) {
  for (const JobState state : {JobState::failed, JobState::unsupported, JobState::skipped, JobState::done}) {
    if (text == to_string(state)) return state;
  }
  return std::nullopt;
}

}  // namespace

Progress::Progress(const fs::path& folder) : folder_(folder) {
  now_ = {"", "check", "models, data and budgets before the first job", utc_now(), ::getpid()};
  write();
}

Progress::~Progress() {
  std::error_code code;
  fs::remove(folder_ / kRunning, code);
}

LogSink Progress::watching(const LogSink& log) {
  LogSink sink = log;
  sink.progress = [this, &log](std::string_view text) {
    does(text);
    log.show_progress(text);
  };
  sink.step = [this, &log](const Step& step) {
    does(fmt::format("{}: {} of {} {}", step.phase, step.done, step.total, step.things));
    log.show_step(step);
  };
  return sink;
}

void Progress::begins_jobs() {
  std::error_code code;
  fs::remove(folder_ / kFailures, code);
}

void Progress::waits_for_workers() {
  now_ = {"", "wait", "for workers, which have the jobs above", utc_now(), ::getpid()};
  written_ns_ = 0;
  write();
}

void Progress::begins(const Job& job) {
  now_ = {job.key, job.kind, job.name, utc_now(), ::getpid()};
  written_ns_ = 0;
  write();
}

void Progress::does(std::string_view text) {
  if (written_ns_ != 0 && now_ns() - written_ns_ < kPauseNs) return;
  written_ns_ = now_ns();
  now_.doing = text;
  write();
}

void Progress::write() {
  const Json running{{"key", now_.key},     {"job", now_.kind},        {"of", now_.name},
                     {"since", now_.since}, {"process", now_.process}, {"doing", now_.doing}};
  try {
    write_file(folder_ / kRunning, json_text(running, 2) + "\n");
  } catch (const Error&) {
    // A run that nobody can watch is a run still.
  }
}

void Progress::fails(const std::string& key, JobState state, const std::string& reason) {
  try {
    append_line(folder_ / kFailures, json_text({{"key", key}, {"state", to_string(state)}, {"reason", reason}}));
  } catch (const Error&) {
  }
}

namespace {

std::optional<RunningJob> read_running(const fs::path& folder) {
  try {
    const Json said = read_json(folder / kRunning);
    RunningJob job{said.at("key").get<std::string>(), said.at("job").get<std::string>(),
                   said.at("of").get<std::string>(),  said.at("since").get<std::string>(),
                   said.at("process").get<int64_t>(), said.value("doing", "")};
    if (folder_holder(folder) == job.process) return job;
  } catch (const std::exception&) {
    // nothing runs, or not one of ours
  }
  return std::nullopt;
}

std::map<std::string, JobFailure> read_failures(const fs::path& folder) {
  std::map<std::string, JobFailure> failures;
  std::error_code code;
  if (!fs::is_regular_file(folder / kFailures, code)) return failures;
  std::ifstream in(folder / kFailures);
  for (std::string line; std::getline(in, line);) {
    try {
      const Json said = parse_json(line, kFailures);
      const auto state = failed_state(said.at("state").get<std::string>());
      if (state) failures[said.at("key").get<std::string>()] = {*state, said.at("reason").get<std::string>()};
    } catch (const std::exception&) {
      // torn
    }
  }
  return failures;
}

}  // namespace

SeenProgress read_progress(const fs::path& folder) { return {read_running(folder), read_failures(folder)}; }

}  // namespace quench::study
