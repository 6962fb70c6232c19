#include "processes/sharing.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "core/processors.h"

namespace quench::processes {
namespace {

/// The processors that this process may use, as bytes.
std::string affinity() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return "";  // a machine of more than 1024: taken as shared
  return {reinterpret_cast<const char*>(&set), sizeof set};
}

}  // namespace

int share_of_processors(int sharing) {
  cpu_set_t set;
  CPU_ZERO(&set);
  const int usable = usable_processors();
  const int all = ::sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : usable;
  return std::clamp(all / std::max(1, sharing), 1, usable);
}

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "?";
}

int sharing_processors(Group& group) {
  const std::string own = host_name() + '\n' + affinity();
  const std::vector<std::string> all = group.gather(own);
  return static_cast<int>(std::ranges::count(all, own));
}

}  // namespace quench::processes
