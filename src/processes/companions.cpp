#include "processes/companions.h"

#include <atomic>
#include <chrono>
#include <filesystem>
#include <mutex>
#include <thread>

#include "core/clock.h"
#include "core/error.h"
#include "core/file.h"
#include "core/process.h"
#include "processes/free_port.h"

namespace quench::processes {
namespace {

constexpr int kSignalCode = 128;
constexpr double kPatienceSeconds = 10;

std::string end_of(int rank, const ProcessResult& result) {
  const std::string said = last_line(result.error);
  if (result.exit_code > kSignalCode) {
    return fmt::format("rank {} was ended by signal {}", rank, result.exit_code - kSignalCode);
  }
  return said.empty() ? fmt::format("rank {} ended with exit code {}", rank, result.exit_code)
                      : fmt::format("rank {} ended: {}", rank, said);
}

}  // namespace

struct Companions::State {
  int world_size = 1;
  int port = 0;
  CancelToken end;
  mutable std::mutex mutex;
  std::string failure;
  std::atomic<int> running{0};
  std::vector<std::thread> threads;

  void run(int rank, std::vector<std::string> arguments);
};

void Companions::State::run(int rank, std::vector<std::string> arguments) {
  // env, so that each has variables of its own; it becomes the program.
  std::vector<std::string> words{"env",
                                 fmt::format("RANK={}", rank),
                                 fmt::format("LOCAL_RANK={}", rank),
                                 fmt::format("WORLD_SIZE={}", world_size),
                                 "MASTER_ADDR=127.0.0.1",
                                 fmt::format("MASTER_PORT={}", port)};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::string found;
  try {
    ProcessOptions options;
    options.keep_bytes = size_t{1} << 16;
    options.hold_input = true;
    options.cancel = &end;
    const ProcessResult result = run_process(words, options);
    if (result.exit_code != 0) found = end_of(rank, result);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::cancelled) found = fmt::format("rank {}: {}", rank, error.what());
  }
  const std::lock_guard lock(mutex);
  if (failure.empty()) failure = found;
  --running;
}

Companions::Companions(std::vector<std::string> arguments, int world_size, int port)
    : state_(std::make_unique<State>()) {
  state_->world_size = world_size;
  state_->port = port > 0 ? port : free_port();
  state_->running = world_size - 1;
  for (int rank = 1; rank < world_size; ++rank) {
    state_->threads.emplace_back([state = state_.get(), rank, arguments] { state->run(rank, arguments); });
  }
}

Companions::~Companions() {
  const int64_t start = now_ns();
  while (state_->running > 0 && seconds_since(start) < kPatienceSeconds) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  state_->end.cancel();
  for (std::thread& thread : state_->threads) thread.join();
}

Place Companions::place() const { return {0, state_->world_size, 0, "127.0.0.1", state_->port}; }

std::string Companions::failure() const {
  const std::lock_guard lock(state_->mutex);
  return state_->failure;
}

void Companions::check() const {
  if (const std::string found = failure(); !found.empty()) fail(ErrorKind::backend, "[processes] {}", found);
}

std::vector<std::string> own_arguments() {
  std::vector<std::string> arguments;
  const std::string all = read_file("/proc/self/cmdline");
  for (size_t begin = 0; begin < all.size();) {
    const size_t end = std::min(all.find('\0', begin), all.size());
    arguments.push_back(all.substr(begin, end - begin));
    begin = end + 1;
  }
  ensure(!arguments.empty(), "[processes] expected this process's arguments, got none");
  arguments[0] = std::filesystem::read_symlink("/proc/self/exe").string();
  return arguments;
}

}  // namespace quench::processes
