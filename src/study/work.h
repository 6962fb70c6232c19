#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "study/run.h"
#include "study/study_jobs.h"
#include "study/worker.h"

namespace quench::study {

/// Where the workers of a study speak to each other: `jobs/` in the folder of stages, and in that of the results.
JobStores job_stores(const RunContext& context, const WorkerIdentity& self);

/// Stores rows for which nothing is left to do, with the time of now; those of one call are never told apart.
void keep_rows(const std::vector<Row*>& rows, const std::filesystem::path& results, JobStore& own);

/// A worker among others.
struct WorkRequest {
  WorkerIdentity self;
  std::vector<std::string> keys = {};         ///< beginnings of the keys of jobs to do; empty: whatever is ready
  int64_t worker = 0, workers = 1;            ///< which of how many on this machine
  std::filesystem::path machine_folder = {};  ///< of the machine, where its workers take turns; empty: no others
  WorkOptions options = {};                   ///< times
};

/// What a worker did itself.
struct WorkSummary {
  int64_t done = 0, failed = 0;
  std::string reason;  ///< of the first that failed here, or, of jobs by key, for others
};

/// Does jobs of a study beside other workers, on this and other machines, that see the same folders: work_on() for a
/// study. Rows are stored as they are done, and say on which machine. What a run checks before any work is not checked,
/// and failures of before are not tried again. Throws what run() does, and Error{config} for a key that no job has.
WorkSummary work(const StudyFile& study, const RunContext& context, const WorkRequest& request);

}  // namespace quench::study
