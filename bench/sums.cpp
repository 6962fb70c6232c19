// What sums over processes cost on this machine, by size: `sums [PROCESSES]` (2), through memory that they share and by
// connections over loopback. A line a size: the median of rounds of what rank 0 waited, and the bytes a second of a
// tensor that is summed.
#include <ATen/ATen.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <vector>

#include "collectives/join.h"
#include "core/clock.h"
#include "processes/free_port.h"

namespace {

using namespace quench;

constexpr int kRounds = 31;

void measure(processes::Group& group, const char* how) {
  if (group.leads())
    fmt::print("{} processes, {}\n{:>10} {:>12} {:>10}\n", group.world_size(), how, "floats", "median us", "MB/s");
  for (const int64_t floats : {1, 64, 1024, 16384, 131072, 524288, 1900544, 8388608}) {
    const at::Tensor values = at::zeros({floats});
    std::vector<int64_t> times;
    for (int round = 0; round < kRounds; ++round) {
      group.barrier();
      const int64_t start = now_ns();
      group.sum(values);
      times.push_back(now_ns() - start);
    }
    std::ranges::sort(times);
    const double us = static_cast<double>(times[times.size() / 2]) * 1e-3;
    if (group.leads()) fmt::print("{:>10} {:>12.1f} {:>10.0f}\n", floats, us, static_cast<double>(floats) * 4 / us);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const int count = argc > 1 ? std::max(2, std::atoi(argv[1])) : 2;
  const std::array ports{processes::free_port(), processes::free_port()};
  const auto work = [&](int rank) {
    for (const bool memory : {true, false}) {
      const auto group = collectives::join({rank, count, rank, "127.0.0.1", ports[memory]}, {.shared_memory = memory});
      measure(*group, memory ? "through memory" : "by connections");
    }
  };
  for (int rank = 1; rank < count; ++rank) {
    if (::fork() != 0) continue;
    work(rank);
    ::_exit(0);
  }
  work(0);
  while (::wait(nullptr) > 0) {
  }
  return 0;
}
