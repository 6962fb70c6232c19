#pragma once

#include <string>
#include <vector>

#include "core/cancel.h"
#include "core/log.h"
#include "study/work.h"

namespace quench::study {

/// A command that does jobs of a study until none is left (`quench study work`), here or by ssh. It ends when its
/// standard input does.
struct WorkerCommand {
  std::string name;  ///< for messages: "worker 2", "ssh://node3, worker 1"
  std::vector<std::string> words;
  bool remote = false;  ///< by ssh, whose exit code 255 is a lost connection: it is tried again
};

struct PoolOptions {
  double first_wait_seconds = 1;  ///< before a worker that was lost is started again; doubles, to 30 s
  double lost_seconds = 600;      ///< how long a host may be away before it is given up
  double end_seconds = 60;        ///< how long workers have to leave a checkpoint when all is stopped
};

/// Runs the commands at once, until one has found that nothing is left to do and all have ended; starts those again
/// that died, three times, and those whose host was lost. Each line that they print goes to the log, under their name.
/// Throws Error{io} where none can work and something
/// is left, with the reasons; Error{cancelled}.
void run_workers(const std::vector<WorkerCommand>& commands, const PoolOptions& options, const LogSink& log,
                 const CancelToken& cancel);

}  // namespace quench::study
