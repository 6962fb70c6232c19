#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "core/cancel.h"
#include "core/log.h"
#include "study/run.h"
#include "study/slurm_plan.h"

namespace quench::study {

/// How `study run --executor slurm` calls this program on the nodes.
struct SlurmCommand {
  std::filesystem::path work_folder;
  std::vector<std::string> work;     ///< does a job: `quench study work FILE --out ...`
  std::vector<std::string> collect;  ///< writes the page
};

/// What was submitted.
struct SlurmSubmission {
  int64_t jobs = 0, calls = 0;   ///< jobs of the study; calls of `sbatch`, with that of the page
  std::filesystem::path folder;  ///< of scripts, keys and logs
};

/// Submits what is to do. Scripts are kept in `slurm/<time>/` of the results, job numbers in `slurm/jobs.jsonl`. Throws
/// Error{unsupported} where there is no Slurm here, Error{config} for what the cluster does not have (a partition, an
/// account, a node of this kind), Error{io} where it refuses for now (quota, no controller), each with what to do; and
/// where jobs of an earlier submission are in the queue still.
SlurmSubmission submit_to_slurm(const StudyFile& study, const std::filesystem::path& results, const OpenJobs& open,
                                const SlurmCommand& command, const LogSink& log, const CancelToken& cancel);

/// A job of a study as Slurm tells of it.
struct SlurmJob {
  std::string id;            ///< "123_4"
  std::string state;         ///< "PENDING", "TIMEOUT"
  std::string reason;        ///< Slurm's word: "Priority", "ReqNodeNotAvail"
  std::string node;          ///< where it runs or ran
  std::string text() const;  ///< for people: with what to do, where something is to be done
};

/// By the job's key, of the newest submission that has it: from `squeue`, and from `sacct` where the cluster keeps
/// accounts. Empty where nothing was submitted, or no Slurm answers.
std::map<std::string, SlurmJob> slurm_jobs(const std::filesystem::path& results, const LogSink& log);

/// Takes back what is in the queue or runs: how many entries. Throws Error{io}.
int64_t cancel_slurm(const std::filesystem::path& results);

/// What to do about a message of sbatch, or a state or reason of squeue and sacct; empty: nothing is known.
std::string slurm_advice(const std::string& said);

}  // namespace quench::study
