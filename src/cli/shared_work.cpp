#include "cli/shared_work.h"

#include <algorithm>
#include <cstdlib>

#include "cli/together.h"
#include "core/byte_string.h"
#include "core/error.h"
#include "core/processors.h"
#include "nn/intra_op_threads.h"
#include "processes/group_shards.h"
#include "processes/sharing.h"

namespace quench::cli {
namespace {

/// Of this process: its part of the processors, but what OMP_NUM_THREADS says is each process's own.
int own_threads(processes::Group& group) {
  const int sharing = processes::sharing_processors(group);
  const char* told = std::getenv("OMP_NUM_THREADS");
  return told && *told ? usable_processors() : std::max(1, usable_processors() / sharing);
}

}  // namespace

int run_shared(const Json& options, const program::Environment& environment, const SharedCommand& work) {
  const auto shared = [&](const Together& together) {
    if (together.group == nullptr) return work(together.environment, nullptr);
    const nn::IntraOpThreads threads(own_threads(*together.group));
    const processes::GroupShards shards(*together.group);
    const int code = work(together.environment, &shards);
    together.group->barrier(true);  // none is gone before the others have what it said
    return code;
  };
  return run_together(options, environment, shared, AfterLoss::not_at_all);
}

void require_alone(const Json& options, const std::string& why) {
  if (is_one_of_several(options)) fail(ErrorKind::config, "expected one process {}, got several", why);
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
