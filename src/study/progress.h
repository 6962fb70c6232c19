#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "core/log.h"
#include "study/executor.h"

namespace quench::study {

/// The job that a run works on now, or the checks that come before the first.
struct RunningJob {
  std::string key;         ///< empty: of the checks
  std::string kind, name;  ///< as the Job's
  std::string since;       ///< UTC, ISO 8601
  int64_t process = 0;     ///< the program that works on it
  std::string doing = {};  ///< its last line of progress: "latency table: 3 of 40 layers"; empty: none yet
};

/// Why a job of the last run, or of one that goes on, has no result, or not the whole.
struct JobFailure {
  JobState state = JobState::failed;  ///< failed, unsupported or skipped; done: as far as jobs before it allowed
  std::string reason;
};

/// What a run tells of itself in a study's folder, which it holds the lock of: `running.json`, the job of now, and
/// `failures.jsonl`, those that failed. They are for people: where they cannot be written, the run goes on.
class Progress : public JobObserver {
 public:
  /// Of a new run, which begins with checks.
  explicit Progress(const std::filesystem::path& folder);
  /// Nothing runs any more; what failed stays.
  ~Progress() override;
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// A sink that tells the progress of what runs here too, now and then. log and this must outlive it.
  LogSink watching(const LogSink& log);
  /// Jobs begin: what a run of before said of them is gone.
  void begins_jobs();
  /// Jobs are done by other processes, which tell of themselves: this one waits.
  void waits_for_workers();
  void begins(const Job& job) override;
  void fails(const std::string& key, JobState state, const std::string& reason) override;

 private:
  void does(std::string_view text);
  void write();

  std::filesystem::path folder_;
  RunningJob now_;
  int64_t written_ns_ = 0;  ///< when progress was last written; 0: not of this job
};

struct SeenProgress {
  std::optional<RunningJob> running;           ///< none where no live process holds the folder
  std::map<std::string, JobFailure> failures;  ///< by the job's key
};

/// What the last run of the folder says; nothing where there is none, or where it is torn.
SeenProgress read_progress(const std::filesystem::path& folder);

}  // namespace quench::study
