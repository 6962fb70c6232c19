#pragma once

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <functional>
#include <vector>

namespace quench {

/// How a process ended: its exit code, or 128 + the signal.
inline int end_of(pid_t id) {
  int status = 0;
  while (::waitpid(id, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/// Runs work(rank) in a process of its own for each rank, and gives their exit codes: 0, or 1 where an expectation of
/// work failed or something was thrown. They are forks: LibTorch must not have started threads in this one.
inline std::vector<int> run_ranks(int count, const std::function<void(int)>& work) {
  const bool failed_before = ::testing::Test::HasFailure();
  std::fflush(nullptr);  // or each would print it
  std::vector<pid_t> ids;
  for (int rank = 0; rank < count; ++rank) {
    const pid_t id = ::fork();
    if (id != 0) {
      ids.push_back(id);
      continue;
    }
    ::signal(SIGPIPE, SIG_IGN);
    ::alarm(60);  // no test waits for ever
    int code = 1;
    try {
      work(rank);
      code = ::testing::Test::HasFailure() && !failed_before ? 1 : 0;
    } catch (const std::exception& error) {
      std::fprintf(stderr, "rank %d: %s\n", rank, error.what());
    }
    std::fflush(nullptr);
    ::_exit(code);
  }
  std::vector<int> codes;
  for (const pid_t id : ids) codes.push_back(end_of(id));
  return codes;
}

}  // namespace quench
