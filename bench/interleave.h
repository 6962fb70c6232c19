#pragma once

#include <time.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

namespace quench::bench {

struct Contender {
  std::string name;
  std::function<void()> run;  ///< one step
};

/// Which time a figure is in. Processor time (of all threads) stays meaningful with one thread on a busy machine.
enum class Clock { wall, processor };

inline double seconds_of(const std::function<void()>& body, int times, Clock clock) {
  const clockid_t id = clock == Clock::wall ? CLOCK_MONOTONIC : CLOCK_PROCESS_CPUTIME_ID;
  const auto now = [id] {
    timespec value{};
    clock_gettime(id, &value);
    return static_cast<double>(value.tv_sec) + 1e-9 * static_cast<double>(value.tv_nsec);
  };
  const double start = now();
  for (int i = 0; i < times; ++i) body();
  return now() - start;
}

inline double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

/// Runs all contenders in turn for `rounds` rounds of `steps` steps, and prints images/s of each round and the ratio of
/// each to the first, pair by pair, with medians.
inline void interleave(const std::vector<Contender>& contenders, int rounds, int steps, int64_t images_per_step,
                       Clock clock = Clock::wall) {
  for (const Contender& contender : contenders) contender.run();
  std::vector<std::vector<double>> speed(contenders.size()), ratio(contenders.size());
  for (int round = 0; round < rounds; ++round) {
    std::printf("round %2d:", round);
    for (size_t i = 0; i < contenders.size(); ++i) {
      speed[i].push_back(static_cast<double>(steps * images_per_step) / seconds_of(contenders[i].run, steps, clock));
      ratio[i].push_back(speed[i].back() / speed[0].back());
      std::printf("  %s %.0f/s (%.3fx)", contenders[i].name.c_str(), speed[i].back(), ratio[i].back());
    }
    std::printf("\n");
    std::fflush(stdout);
  }
  for (size_t i = 0; i < contenders.size(); ++i) {
    std::printf("median: %-28s %8.0f images/s   %.3fx of %s (%.3f .. %.3f)\n", contenders[i].name.c_str(),
                median(speed[i]), median(ratio[i]), contenders[0].name.c_str(),
                *std::min_element(ratio[i].begin(), ratio[i].end()),
                *std::max_element(ratio[i].begin(), ratio[i].end()));
  }
}

}  // namespace quench::bench
