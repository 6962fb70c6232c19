#include "study/worker_pool.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>

#include "core/clock.h"
#include "core/process.h"

namespace quench::study {
namespace {

constexpr int kMostStarts = 3;
constexpr int kLost = 255;      ///< ssh's own exit code
constexpr int kFirstFault = 2;  ///< wrong usage; 3: the environment. Trying again is of no use.
constexpr int kLastFault = 3;
constexpr int kNotExecutable = 126, kNotFound = 127;  ///< a shell's
constexpr int kInterrupted = 130;
constexpr double kLongestWait = 30;

class Pool {
 public:
  Pool(const PoolOptions& options, const LogSink& log, const CancelToken& cancel)
      : options_(options), log_(log), cancel_(cancel) {}

  void run(const WorkerCommand& command) {
    try {
      keep_running(command);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::cancelled) fault(command, error.what());
    }
  }

  /// Throws where nobody found the end.
  void check() const {
    cancel_.check();
    if (finished_) return;
    if (stopped_) fail(ErrorKind::cancelled, "work on this study was stopped (quench study cancel)");
    fail(ErrorKind::io, "[study.workers] no worker can work any more: {}", faults_);
  }

 private:
  void keep_running(const WorkerCommand& command) {
    int deaths = 0;
    double pause = options_.first_wait_seconds;
    int64_t lost_since = 0;
    bool reached = false;
    for (;;) {
      std::string last;
      ProcessOptions process;
      process.hold_input = true;
      process.end_seconds = options_.end_seconds;
      process.cancel = &cancel_;
      process.on_error = [&](std::string_view line) {
        while (line.ends_with('\r')) line.remove_suffix(1);  // ssh's own lines
        last = line;
        const std::lock_guard lock(mutex_);
        log_.info(fmt::format("{}: {}", command.name, line));
      };
      process.on_output = [&](std::string_view) {  // its host was reached
        lost_since = 0;
        reached = true;
        pause = options_.first_wait_seconds;
      };
      const int code = run_process(command.words, process).exit_code;
      if (code == 0 || code == 1) {
        finished_ = true;
        return;
      }
      if (code == kInterrupted) {
        stopped_ = true;
        return;
      }
      const bool no_program = code == kNotExecutable || code == kNotFound;
      if ((code >= kFirstFault && code <= kLastFault) || no_program) return fault(command, last);
      if (finished_) return;
      const bool absent = command.remote && code == kLost && !reached,
                 lost = command.remote && code == kLost && reached;
      if (lost && lost_since == 0) lost_since = now_ns();
      const bool away_too_long = lost && static_cast<double>(now_ns() - lost_since) > options_.lost_seconds * 1e9;
      if (away_too_long || (!lost && ++deaths > kMostStarts)) {
        return fault(command,
                     lost     ? fmt::format("it could not be reached for {:.0f} s: {}", options_.lost_seconds, last)
                     : absent ? fmt::format("it cannot be reached: {}", last)
                              : fmt::format("it died {} times, the last time with exit code {}", deaths, code));
      }
      const std::string state = lost ? "the connection is lost" : fmt::format("it died (exit code {})", code);
      const std::string next = absent ? "it cannot be reached; tried again"
                                      : state + "; what it held goes to others, and it is started again";
      warn(fmt::format("{}: {} in {:.0f} s", command.name, next, pause));
      wait(pause);
      if (finished_) return;
      pause = std::min(kLongestWait, 2 * pause);
    }
  }

  void wait(double seconds) const {
    const int64_t until = now_ns() + static_cast<int64_t>(seconds * 1e9);
    while (now_ns() < until && !finished_) {
      cancel_.check();
      ::usleep(50'000);
    }
  }
  void warn(const std::string& text) {
    const std::lock_guard lock(mutex_);
    log_.warning(text);
  }
  void fault(const WorkerCommand& command, const std::string& reason) {
    warn(fmt::format("{}: {}", command.name, reason));
    const std::lock_guard lock(mutex_);
    faults_ += fmt::format("{}{}: {}", faults_.empty() ? "" : "; ", command.name, reason);
  }

  const PoolOptions& options_;
  const LogSink& log_;
  const CancelToken& cancel_;
  std::mutex mutex_;
  std::atomic<bool> finished_{false};  ///< one ended in order: nothing was left for it
  std::atomic<bool> stopped_{false};
  std::string faults_;
};

}  // namespace

void run_workers(const std::vector<WorkerCommand>& commands, const PoolOptions& options, const LogSink& log,
                 const CancelToken& cancel) {
  Pool pool(options, log, cancel);
  std::vector<std::thread> threads;
  for (const WorkerCommand& command : commands) threads.emplace_back([&pool, &command] { pool.run(command); });
  for (std::thread& thread : threads) thread.join();
  pool.check();
}

}  // namespace quench::study
