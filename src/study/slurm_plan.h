#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/json.h"
#include "study/job_graph.h"

namespace quench::study {

/// Jobs of one kind that Slurm gets in one `sbatch`: an array of them, or one alone.
struct SlurmArray {
  struct Task {
    int64_t index = 0;  ///< in the array
    size_t place = 0;   ///< in the graph
  };
  /// A task of another array.
  struct Before {
    size_t array = 0;  ///< place in the list
    int64_t index = 0;
  };

  std::string name;  ///< "03-quantize"
  std::string kind;
  std::vector<Task> tasks;  ///< by ascending index
  /// The array whose task of the same index has to end well before each task.
  std::optional<size_t> same_index;
  std::vector<Before> ended;  ///< of a job alone: tasks that have to end before, however
  bool alone() const { return tasks.size() == 1 && !ended.empty(); }
};

/// The jobs that are to do as arrays: jobs that stand at the same place of their chains, behind tasks of one array, are
/// an array with the same indexes, so that each starts as soon as the one before it is done (`aftercorr`). A job with
/// several jobs before it, or one that runs after failures, is submitted alone, behind theirs (`afterany`).
/// is_open: by place, the jobs to do; most_tasks: of an array (Slurm's MaxArraySize).
std::vector<SlurmArray> slurm_plan(const JobGraph& graph, const std::vector<bool>& is_open, int64_t most_tasks);

/// What the scripts have in common.
struct SlurmScripts {
  std::string study;                  ///< its name
  std::filesystem::path folder;       ///< of scripts, keys and logs, absolute
  std::filesystem::path work_folder;  ///< where the command line's paths start from
  std::vector<std::string> work;      ///< words of the command that does a job, without its key
};

/// The script of an array, for people too. settings: values of config::slurm_options. dependency: of --dependency;
/// empty: none.
std::string sbatch_script(const SlurmScripts& scripts, const SlurmArray& array, const Json& settings,
                          const std::string& dependency);
/// The file beside it: an index, a key and a name a line.
std::string keys_text(const SlurmArray& array, const JobGraph& graph);
/// The script of the last job, which writes the page when all have ended.
std::string collect_script(const SlurmScripts& scripts, const std::vector<std::string>& words, const Json& settings,
                           const std::string& dependency);

}  // namespace quench::study
