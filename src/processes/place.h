#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace quench::processes {

/// Which one of several processes that work together this one is, and where they meet.
struct Place {
  int rank = 0;                       ///< 0 .. world_size - 1
  int world_size = 1;                 ///< how many there are
  int local_rank = 0;                 ///< among those on this machine
  std::string address = "127.0.0.1";  ///< host of rank 0
  int port = 0;                       ///< of rank 0, where they meet
  bool among_others() const { return world_size > 1; }
};

/// The value of an environment variable; empty where it is not set.
using Variables = std::function<std::string(const char*)>;

/// Whether something else has started this process as one of several: torchrun and what names itself as it does (RANK
/// and WORLD_SIZE), or a step of Slurm's srun of more tasks than one.
bool is_started_as_one_of_several(const Variables& variables);

/// The place that the variables give:
/// - torchrun's: RANK, WORLD_SIZE, LOCAL_RANK (where it is set), MASTER_ADDR, MASTER_PORT. Where torchrun keeps its own
///   store at that port (TORCHELASTIC_USE_AGENT_STORE), the next port is taken.
/// - Slurm's, in a step of srun, where RANK is not set: SLURM_PROCID, SLURM_STEP_NUM_TASKS, SLURM_LOCALID; MASTER_ADDR,
///   else the first host of SLURM_STEP_NODELIST; MASTER_PORT, else a port that follows from the numbers of job and
///   step.
///
/// asked: the number of processes that the user named; 0: none. Where it is named and nothing has started this process
/// as one of several, the place is that of a single process. Throws Error{config} for variables that are missing or not
/// numbers, a rank outside 0 .. WORLD_SIZE - 1, and a number that differs from `asked`.
Place place_of(const Variables& variables, int asked);

/// "node01" of "node[01-04,7],other": the first name of a list of hosts as Slurm writes them.
std::string first_host(std::string_view list);

/// Throws Error{config} where a batch has fewer images than there are processes to share it.
void require_an_image_each(int processes, int64_t batch);

}  // namespace quench::processes
