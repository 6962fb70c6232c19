#include <sched.h>

#include <algorithm>
#include <string>
#include <vector>

#include "collectives/join.h"
#include "collectives/meeting.h"

namespace quench::collectives {
namespace {

/// The processors that this process may use, as bytes.
std::string affinity() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return "";  // a machine of more than 1024: taken as shared
  return {reinterpret_cast<const char*>(&set), sizeof set};
}

}  // namespace

int sharing_processors(processes::Group& group) {
  const std::string own = host_name() + '\n' + affinity();
  const std::vector<std::string> all = group.gather(own);
  return static_cast<int>(std::ranges::count(all, own));
}

}  // namespace quench::collectives
