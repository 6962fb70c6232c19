#include "cli/companions.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>

#include "core/error.h"
#include "core/file.h"
#include "core/process.h"

namespace quench::cli {

Companions::Companions(const std::vector<std::string>& arguments, int world_size, int port, const CancelToken& stop)
    : stop_(stop) {
  for (int rank = 1; rank < world_size; ++rank) {
    std::vector<std::string> words{"env",
                                   fmt::format("RANK={}", rank),
                                   fmt::format("LOCAL_RANK={}", rank),
                                   fmt::format("WORLD_SIZE={}", world_size),
                                   "MASTER_ADDR=127.0.0.1",
                                   fmt::format("MASTER_PORT={}", port)};
    words.insert(words.end(), arguments.begin(), arguments.end());
    threads_.emplace_back([this, words, rank] { run(words, rank); });
  }
  watcher_ = std::jthread([this] {
    while (!all_ended_.cancelled()) {
      if (stop_.cancelled()) {
        given_up_.cancel();
        end_.cancel();
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  });
}

Companions::~Companions() {
  end_.cancel();
  wait();
  all_ended_.cancel();
}

void Companions::wait() {
  for (std::jthread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

std::string Companions::wait_for_failure() const {
  for (int wait = 0; wait < 40; ++wait) {
    {
      const std::lock_guard lock(mutex_);
      if (!failure_.empty()) return failure_;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return "";
}

void Companions::run(const std::vector<std::string>& arguments, int rank) {
  std::string told;
  try {
    const ProcessResult result = run_process(arguments, {.cancel = &end_});
    if (result.exit_code == 0) return;
    const std::string line = last_line(result.error);
    told = result.exit_code > 128 ? fmt::format("process {} was ended by signal {}", rank, result.exit_code - 128)
                                  : fmt::format("process {} ended with {}", rank, result.exit_code);
    if (!line.empty()) told += ": " + line;
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::cancelled) return;  // as this wanted
    told = fmt::format("process {} could not run: {}", rank, error.what());
  }
  const std::lock_guard lock(mutex_);
  if (failure_.empty()) failure_ = told;
  given_up_.cancel();
}

int free_port() {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* any = reinterpret_cast<sockaddr*>(&address);
  const bool bound = listener >= 0 && ::bind(listener, any, size) == 0 && ::getsockname(listener, any, &size) == 0;
  if (listener >= 0) ::close(listener);
  if (!bound) fail(ErrorKind::io, "[cli] expected a free port of this machine, got none");
  return ntohs(address.sin_port);
}

std::vector<std::string> own_arguments() {
  const std::string line = read_file("/proc/self/cmdline");  // words that end in a zero each
  std::vector<std::string> words;
  for (size_t start = 0; start < line.size();) {
    const size_t end = line.find('\0', start);
    words.push_back(line.substr(start, end - start));
    if (end == std::string::npos) break;
    start = end + 1;
  }
  if (words.empty()) fail(ErrorKind::io, "[cli] expected the words of this command in /proc/self/cmdline, got none");
  words[0] = std::filesystem::read_symlink("/proc/self/exe").string();
  return words;
}

}  // namespace quench::cli
