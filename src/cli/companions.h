#pragma once

#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/cancel.h"

namespace quench::cli {

/// The other processes of a command that was called with `--world-size N` on one machine: the same command again, as
/// ranks 1 .. N - 1, told of their place as torchrun tells it. The caller is rank 0. They end with this.
class Companions {
 public:
  /// arguments: of the command, the program first. port: where rank 0 is met. stop: the user's wish to stop. Throws
  /// nothing for one that cannot be started: it is a failure as any other.
  Companions(const std::vector<std::string>& arguments, int world_size, int port, const CancelToken& stop);
  /// Ends those that are still at work.
  ~Companions();
  Companions(const Companions&) = delete;
  Companions& operator=(const Companions&) = delete;

  /// Set where the user wants to stop, and where one of them has failed: what rank 0 does is for nothing then.
  const CancelToken& given_up() const { return given_up_; }
  /// Waits until all have ended by themselves.
  void wait();
  /// Which failed first, and how: "process 1 was ended by signal 9", "process 2 ended with 3: its last line"; waits for
  /// that for two seconds. Empty where none has.
  std::string wait_for_failure() const;

 private:
  void run(const std::vector<std::string>& arguments, int rank);

  const CancelToken& stop_;
  CancelToken end_, given_up_, all_ended_;
  mutable std::mutex mutex_;
  std::string failure_;
  std::vector<std::jthread> threads_;
  std::jthread watcher_;
};

/// A port of this machine that nobody listens on. Throws Error{io}.
int free_port();

/// The words that this process was started with, the program's file first. Throws Error{io}.
std::vector<std::string> own_arguments();

}  // namespace quench::cli
