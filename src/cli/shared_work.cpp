#include "cli/shared_work.h"

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <memory>
#include <optional>

#include "cli/companions.h"
#include "collectives/join.h"
#include "core/byte_string.h"
#include "core/error.h"
#include "core/processors.h"
#include "nn/intra_op_threads.h"
#include "processes/group_shards.h"
#include "processes/place.h"
#include "processes/sharing.h"

namespace quench::cli {
namespace {

std::string own_variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

/// Whether this process is one of several that something else started. A step of srun is not, unless the user says so:
/// its tasks may each do work of their own.
bool joins(int asked) {
  if (!own_variable("RANK").empty() || !own_variable("WORLD_SIZE").empty()) return true;
  return asked > 1 && processes::is_started_as_one_of_several(own_variable);
}

/// Of this process: its part of the processors, but what OMP_NUM_THREADS says is each process's own.
int own_threads(processes::Group& group) {
  const int sharing = processes::sharing_processors(group);
  const bool told = !own_variable("OMP_NUM_THREADS").empty();
  return told ? usable_processors() : std::max(1, usable_processors() / sharing);
}

/// lost: takes whether another process was gone when this one failed.
int run_in_group(const processes::Place& place, const program::Environment& environment, const CancelToken& cancel,
                 const SharedCommand& work, bool& lost) {
  const std::unique_ptr<processes::Group> group = collectives::join(place, {.cancel = &cancel});
  const auto left = [&](ErrorKind kind, const char* what) {
    lost = group->lost();
    if (!lost) group->leave(kind, what);
  };
  try {
    const nn::IntraOpThreads threads(own_threads(*group));
    const processes::GroupShards shards(*group);
    program::Environment own = environment;
    own.cancel = &cancel;
    if (!group->leads()) own.log = {};
    const int code = work(own, &shards);
    group->barrier(true);  // none is gone before the others have what it said
    return code;
  } catch (const Error& error) {
    left(error.kind(), error.what());
    throw;
  } catch (const std::exception& error) {
    left(ErrorKind::internal, error.what());
    throw;
  }
}

int run_here(int world_size, const program::Environment& environment, const SharedCommand& work) {
  if (const std::string why = collectives::why_not(); !why.empty()) {
    fail(ErrorKind::unsupported, "expected --world-size 1, got {}: {}", world_size, why);
  }
  const processes::Place place{.rank = 0, .world_size = world_size, .local_rank = 0, .port = free_port()};
  Companions companions(own_arguments(), world_size, place.port, *environment.cancel);
  bool lost = false;
  try {
    const int code = run_in_group(place, environment, companions.given_up(), work, lost);
    companions.wait();
    return code;
  } catch (const Error& error) {
    environment.cancel->check();
    // Where it has only seen that another is gone, or was stopped for that, the cause is known there.
    if (error.kind() == ErrorKind::cancelled || (error.kind() == ErrorKind::backend && lost)) {
      const std::string failure = companions.wait_for_failure();
      if (!failure.empty()) fail(ErrorKind::backend, "expected {} processes to the end, but {}", world_size, failure);
    }
    throw;
  }
}

}  // namespace

int run_shared(const Json& options, const program::Environment& environment, const SharedCommand& work) {
  const int asked = options.value("world_size", 0);
  if (joins(asked)) {
    const processes::Place place = processes::place_of(own_variable, asked);
    if (!place.among_others()) return work(environment, nullptr);
    bool lost = false;
    return run_in_group(place, environment, *environment.cancel, work, lost);
  }
  return asked > 1 ? run_here(asked, environment, work) : work(environment, nullptr);
}

void require_alone(const Json& options, const std::string& why) {
  const int asked = options.value("world_size", 0);
  const bool several = joins(asked) && processes::place_of(own_variable, asked).among_others();
  if (asked > 1 || several) fail(ErrorKind::config, "expected one process {}, got several", why);
}

int64_t summed(const Shards* shards, int64_t value) {
  if (!is_shared(shards)) return value;
  ByteWriter mine("number 1");
  mine.number(value);
  int64_t sum = 0;
  for (const std::string& bytes : shards->exchange(mine.take())) sum += ByteReader(bytes, "number 1").number();
  return sum;
}

}  // namespace quench::cli
