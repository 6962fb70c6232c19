#include "collectives/join.h"
#include "core/error.h"

namespace quench::collectives {

std::string why_not() {
  return "built without c10d and Gloo, by which several processes work together: see docs/building.md";
}

std::unique_ptr<processes::Group> join(const processes::Place& place, const JoinOptions&) {
  if (!place.among_others()) return processes::alone();
  fail(ErrorKind::unsupported, "[collectives] expected one process, got {}: {}", place.world_size, why_not());
}

}  // namespace quench::collectives
