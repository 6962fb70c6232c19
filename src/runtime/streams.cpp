#include "runtime/streams.h"

#include <algorithm>
#include <atomic>
#include <deque>

#include "core/error.h"
#include "core/rng.h"
#include "core/workers.h"
#include "runtime/warm_up.h"

namespace quench::runtime {
namespace {

/// What one stream did, all its turns together.
struct Log {
  std::vector<int64_t> stages_ns;  ///< [images,stages]
  std::vector<int64_t> total_ns;   ///< [images]
  int64_t busy_ns = 0;
  WarmUp warm_up;
};

class Measuring {
 public:
  Measuring(const StreamedWork& work, const StreamOptions& options, const CancelToken& cancel)
      : work_(work), options_(options), cancel_(cancel), logs_(work.streams.size()) {
    ensure(work.stages > 0 && !work.streams.empty(), "[runtime.streams] expected stages and streams, got {} and {}",
           work.stages, work.streams.size());
  }

  void warm_up(double seconds) {
    side_by_side([](Log& log, std::span<const int64_t>, int64_t total_ns) { log.warm_up.add(total_ns); },
                 [end = after(seconds)](int64_t now) { return now >= end; });
  }
  bool stable() const {
    return std::ranges::all_of(logs_, [](const Log& log) { return log.warm_up.stable(); });
  }

  /// A turn of that length, shorter where that is enough.
  void sample(double seconds) {
    const int64_t start = options_.clock(), before = sampled_ns_, end = after(seconds);
    side_by_side(
        [this](Log& log, std::span<const int64_t> stages_ns, int64_t total_ns) {
          log.stages_ns.insert(log.stages_ns.end(), stages_ns.begin(), stages_ns.end());
          log.total_ns.push_back(total_ns);
          log.busy_ns += total_ns;
          ++images_;
        },
        [&](int64_t now) { return now >= end || enough(before + now - start); });
    sampled_ns_ += options_.clock() - start;
  }
  bool enough() const { return enough(sampled_ns_); }

  StreamedSamples result() const {
    StreamedSamples out;
    out.stages_ns.resize(work_.stages);
    out.stable = stable();
    for (const Log& log : logs_) {
      for (size_t i = 0; i < log.stages_ns.size(); ++i) out.stages_ns[i % work_.stages].push_back(log.stages_ns[i]);
      out.total_ns.insert(out.total_ns.end(), log.total_ns.begin(), log.total_ns.end());
      const auto images = static_cast<double>(log.total_ns.size());
      if (log.busy_ns > 0) out.images_per_second += images / (static_cast<double>(log.busy_ns) * 1e-9);
    }
    return out;
  }

 private:
  int64_t after(double seconds) const { return options_.clock() + static_cast<int64_t>(seconds * 1e9); }
  bool enough(int64_t sampled_ns) const {
    return images_ >= options_.min_samples && static_cast<double>(sampled_ns) >= options_.min_seconds * 1e9;
  }

  /// In each stream images one after another, one at least, until done(now).
  template <typename Seen, typename Done>
  void side_by_side(const Seen& seen, const Done& done) {
    std::atomic<bool> failed = false;
    run_workers(static_cast<int>(work_.streams.size()), [&](int worker) {
      Log& log = logs_[static_cast<size_t>(worker)];
      const Stream& stream = work_.streams[static_cast<size_t>(worker)];
      std::vector<int64_t> stages(work_.stages);
      try {
        int64_t now = options_.clock();
        do {
          cancel_.check();
          const int64_t before = now;
          stream(stages);
          now = options_.clock();
          seen(log, std::span<const int64_t>(stages), now - before);
        } while (!done(now) && !failed);
      } catch (...) {
        failed = true;  // the others need not go on to the end of the turn
        throw;
      }
    });
  }

  const StreamedWork& work_;
  const StreamOptions& options_;
  const CancelToken& cancel_;
  std::vector<Log> logs_;
  int64_t sampled_ns_ = 0;
  std::atomic<int64_t> images_ = 0;
};

}  // namespace

std::vector<StreamedSamples> measure_streams(const std::vector<StreamedWork>& works, const StreamOptions& options,
                                             const CancelToken& cancel) {
  ensure(options.slice_seconds > 0, "[runtime.streams] expected slices longer than 0 s, got {}", options.slice_seconds);
  std::deque<Measuring> all;
  for (const StreamedWork& work : works) all.emplace_back(work, options, cancel);
  Rng order(0, "stream order");
  /// One turn of each that is not done.
  const auto round = [&](const auto& done, const auto& turn) {
    bool more = false;
    for (const int64_t i : permutation(std::ssize(all), order)) {
      Measuring& one = all[static_cast<size_t>(i)];
      if (done(one)) continue;
      turn(one);
      more = true;
    }
    return more;
  };
  constexpr double kWarmUpSlice = 0.1;
  const int64_t warm_up_end =
      options.clock() + static_cast<int64_t>(options.max_warm_up_seconds * 1e9 * static_cast<double>(works.size()));
  do {
    if (!round([](const Measuring& one) { return one.stable(); },
               [&](Measuring& one) { one.warm_up(std::min(kWarmUpSlice, options.max_warm_up_seconds)); })) {
      break;
    }
  } while (options.clock() < warm_up_end);
  if (options.before_samples) options.before_samples();
  constexpr double kNoSlice = 1e6;
  const double slice = works.size() == 1 ? kNoSlice : options.slice_seconds;
  while (round([](const Measuring& one) { return one.enough(); }, [&](Measuring& one) { one.sample(slice); })) {
  }
  if (options.after_samples) options.after_samples();
  std::vector<StreamedSamples> result;
  for (const Measuring& one : all) result.push_back(one.result());
  return result;
}

}  // namespace quench::runtime
