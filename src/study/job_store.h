#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/error.h"
#include "study/job_graph.h"
#include "study/worker_identity.h"

namespace quench::study {

/// Who works on a job now.
struct JobClaim {
  WorkerIdentity worker;
  std::string key, kind, name;  ///< as the Job's
  std::string since;            ///< UTC, ISO 8601
  std::string doing;            ///< its last line of progress
};

/// Why a job has no result, or not the whole, and how often that was so.
struct JobMark {
  JobState state = JobState::failed;  ///< failed or unsupported; done: as far as jobs before it allowed
  ErrorKind kind = ErrorKind::backend;
  std::string reason;
  std::string host, time;
  int64_t same = 1;  ///< tries in a row that ended with this reason
};

/// What one listing of the folder shows of a job.
struct JobSigns {
  int64_t claim = 0;  ///< number of the newest claim; 0: none
  bool done = false;
  bool failed = false;
};
using SeenJobs = std::unordered_map<std::string, JobSigns>;  ///< by JobStore::name_of(key)

class JobStore;

/// A job that this process holds. Others see it by the file `<job>.claim-<n>`; its time says that the holder lives.
class HeldJob {
 public:
  ~HeldJob();  ///< Releases what was neither finished nor failed.
  HeldJob(const HeldJob&) = delete;
  HeldJob& operator=(const HeldJob&) = delete;

  /// Tells that the holder lives, and what it does. False where the claim is not its own any more: it was taken for
  /// dead, and another works on the job.
  bool beat(std::string_view doing);
  /// The result is published: the claim becomes the mark `<job>.done`. Throws Error{io}.
  void finish();
  /// Leaves the mark `<job>.failed`. Throws Error{io}.
  void fail(JobState state, ErrorKind kind, const std::string& reason);
  /// Nothing came of it; others may take it.
  void release() noexcept;
  /// Another finished or failed it before: there is nothing to do.
  bool settled_before() const { return settled_before_; }

 private:
  friend class JobStore;
  HeldJob(JobStore& store, std::string key, std::string kind, std::string name, int64_t number);
  std::string text(std::string_view doing) const;
  void remove_claims() noexcept;

  JobStore& store_;
  std::string key_, kind_, name_, since_;
  int64_t number_;
  bool open_ = true;
  bool settled_before_ = false;
};

/// What processes, on this and other machines, say to each other of jobs: small files in one folder that all of them
/// see, and nothing else. There is no server and no lock. A job is taken by making a file that must not be there
/// (O_EXCL, which network file systems do atomically); it is given back, finished, or its holder dies and another takes
/// it by making the next number.
///
/// Work is published whole and is the same whoever does it, so that two that hold one job (a process that slept too
/// long, a network that split) waste time and spoil nothing.
class JobStore {
 public:
  /// folder: made by the first claim.
  JobStore(std::filesystem::path folder, WorkerIdentity self);

  /// The beginning of a file's name for a job.
  static std::string name_of(const std::string& key) { return key.substr(0, 16); }
  const std::filesystem::path& folder() const { return folder_; }
  const WorkerIdentity& self() const { return self_; }

  /// One listing of the folder. Throws Error{io}.
  SeenJobs look() const;
  /// Takes a job that nobody holds, as a look at the folder said, or whose holder is dead: then `dead` is the number of
  /// its claim. Null where another was faster. Throws Error{io}.
  std::unique_ptr<HeldJob> take(const Job& job, int64_t dead = 0);
  std::unique_ptr<HeldJob> take(const std::string& key, const std::string& kind, const std::string& name,
                                int64_t dead = 0);

  /// The same of what is held for a moment again and again, so that no look told of it: also where its holder, and who
  /// took it over from him, and so on, are dead (is_dead). Null where one lives.
  std::unique_ptr<HeldJob> take_over(const std::string& key, const std::string& kind, const std::string& name,
                                     double stale_seconds);

  /// Whether the holder is dead: its process is gone, or, on another machine, its claim was not renewed for
  /// `stale_seconds`, as this process's own clock counts from when it first saw it so. Clocks of machines are not
  /// compared.
  bool is_dead(const std::string& key, int64_t number, double stale_seconds);
  /// Nothing where it is gone or torn.
  std::optional<JobClaim> claim(const std::string& key, int64_t number) const;
  /// All claims of now, but those whose holder is known to be gone.
  std::vector<JobClaim> claims() const;

  /// Why it failed; nothing where it did not.
  std::optional<JobMark> failure(const std::string& key) const;
  /// May be tried again; how often it failed the same way is kept. Throws Error{io}.
  void reopen(const std::string& key);
  /// As if nobody had done it: its result is gone.
  void forget_done(const std::string& key);

  /// Called before each operation on the folder: for measurements, and to play a slow file system.
  std::function<void()> on_operation = {};

 private:
  friend class HeldJob;
  std::filesystem::path file(const std::string& key, const std::string& end) const;
  std::optional<JobMark> read_mark(const std::filesystem::path& file) const;
  void operate() const {
    if (on_operation) on_operation();
  }

  struct Watched {
    std::optional<JobClaim> claim;
    int64_t renewed_ns = 0;  ///< the file's own time
    int64_t seen_ns = 0;     ///< when it was first seen so, by this process's clock
  };

  std::filesystem::path folder_;
  WorkerIdentity self_;
  std::map<std::string, Watched> watched_;  ///< by the claim's file name
};

}  // namespace quench::study
