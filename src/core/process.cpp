#include "core/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "core/clock.h"
#include "core/error.h"

extern char** environ;

namespace quench {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;
constexpr int kPollMs = 50;  // how soon a cancel is seen

/// Both ends of a pipe, closed on exec and with this object.
class Pipe {
 public:
  Pipe() {
    if (::pipe2(ends_.data(), O_CLOEXEC) != 0) fail(ErrorKind::io, "[process] no pipe: {}", std::strerror(errno));
  }
  ~Pipe() {
    close_read();
    close_write();
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  int read_end() const { return ends_[0]; }
  int write_end() const { return ends_[1]; }
  void close_read() { close(ends_[0]); }
  void close_write() { close(ends_[1]); }

 private:
  static void close(int& end) {
    if (end >= 0) ::close(end);
    end = -1;
  }
  std::array<int, 2> ends_{-1, -1};
};

/// What comes out of one stream: its end for the result, its lines for a listener.
class Stream {
 public:
  Stream(const std::string& program, const std::function<void(std::string_view)>& listener,
         const ProcessOptions& options)
      : program_(program), listener_(listener), options_(options) {}

  void add(std::string_view bytes) {
    came_ += bytes.size();
    if (options_.most_bytes > 0 && came_ > options_.most_bytes) fail_too_long("an answer", options_.most_bytes);
    kept_.append(bytes);
    if (kept_.size() > 2 * options_.keep_bytes) kept_.erase(0, kept_.size() - options_.keep_bytes);
    if (!listener_) return;
    line_.append(bytes);
    size_t start = 0;
    for (size_t end; (end = line_.find('\n', start)) != std::string::npos; start = end + 1) {
      if (end - start > options_.most_line_bytes) fail_too_long("lines", options_.most_line_bytes);
      listener_(std::string_view(line_).substr(start, end - start));
    }
    line_.erase(0, start);
    if (line_.size() > options_.most_line_bytes) fail_too_long("lines", options_.most_line_bytes);
  }
  std::string take() {
    if (listener_ && !line_.empty()) listener_(line_);
    if (kept_.size() > options_.keep_bytes) kept_.erase(0, kept_.size() - options_.keep_bytes);
    return std::move(kept_);
  }

 private:
  [[noreturn]] void fail_too_long(const char* what, size_t most) const {
    fail(ErrorKind::io, "[process] expected {} of at most {} bytes from {}, got more", what, most, program_);
  }

  const std::string& program_;
  const std::function<void(std::string_view)>& listener_;
  const ProcessOptions& options_;
  size_t came_ = 0;
  std::string kept_;
  std::string line_;
};

class Child {
 public:
  Child(const std::vector<std::string>& arguments, Pipe& in, Pipe& out, Pipe& err, const sigset_t& mask) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_adddup2(&actions, in.read_end(), STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out.write_end(), STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, err.write_end(), STDERR_FILENO);
    sigset_t defaults;
    sigemptyset(&defaults);
    for (const int number : {SIGPIPE, SIGXFSZ})
      sigaddset(&defaults, number);  // we may ignore them; the program shall not
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setsigmask(&attributes, &mask);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    std::vector<char*> pointers;
    for (const std::string& argument : arguments) pointers.push_back(const_cast<char*>(argument.c_str()));
    pointers.push_back(nullptr);
    const int code = ::posix_spawnp(&id_, pointers[0], &actions, &attributes, pointers.data(), environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (code != 0) fail(ErrorKind::io, "[process] cannot start {}: {}", arguments[0], std::strerror(code));
  }
  /// A child that is left in the middle of its work is killed.
  ~Child() {
    if (ended_) return;
    ::kill(id_, SIGKILL);
    wait(true);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  void end(int signal) { ::kill(id_, signal); }
  /// Whether it has ended; waits for it where told to.
  bool wait(bool blocking) {
    while (!ended_) {
      const pid_t done = ::waitpid(id_, &status_, blocking ? 0 : WNOHANG);
      if (done == 0) return false;
      if (done < 0 && errno == EINTR) continue;
      ended_ = true;
    }
    return true;
  }
  int exit_code() const { return WIFSIGNALED(status_) ? 128 + WTERMSIG(status_) : WEXITSTATUS(status_); }
  bool was_interrupted() const { return WIFSIGNALED(status_) && WTERMSIG(status_) == SIGINT; }

 private:
  pid_t id_ = -1;
  int status_ = 0;
  bool ended_ = false;
};

/// One read of what is there; false at the stream's end.
bool drain(int fd, Stream& stream) {
  char block[1 << 14];
  const ssize_t n = ::read(fd, block, sizeof block);
  if (n > 0) stream.add({block, static_cast<size_t>(n)});
  return n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN));
}

/// Writes some of `rest`; closes the pipe when all is written, unless it is held, or nobody reads.
void feed(Pipe& in, std::string_view& rest, bool hold) {
  const ssize_t n = ::write(in.write_end(), rest.data(), std::min<size_t>(rest.size(), 1 << 14));
  if (n > 0) rest.remove_prefix(static_cast<size_t>(n));
  const bool again = n < 0 && (errno == EINTR || errno == EAGAIN);
  if (n < 0 && !again) rest = {};
  if (rest.empty() && !(hold && n > 0)) in.close_write();
}

/// While this lives, a write of this thread to a program that reads no more is an error and no signal.
class NoBrokenPipe {
 public:
  NoBrokenPipe() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~NoBrokenPipe() {
    const timespec none{};
    if (!sigismember(&before_, SIGPIPE)) {
      while (::sigtimedwait(&pipe_, nullptr, &none) > 0) {
      }
    }
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  const sigset_t& before() const { return before_; }

 private:
  sigset_t pipe_;
  sigset_t before_;
};

}  // namespace

ProcessResult run_process(const std::vector<std::string>& arguments, const ProcessOptions& options) {
  ensure(!arguments.empty(), "[process] no program");
  if (options.cancel) options.cancel->check();
  const NoBrokenPipe no_broken_pipe;
  Pipe in, out, err;
  Child child(arguments, in, out, err, no_broken_pipe.before());
  in.close_read();
  out.close_write();
  err.close_write();
  std::string_view rest = options.input;
  if (rest.empty() && !options.hold_input) {
    in.close_write();
  } else {
    ::fcntl(in.write_end(), F_SETFL, O_NONBLOCK);
  }

  Stream output(arguments[0], options.on_output, options), error(arguments[0], options.on_error, options);
  ProcessResult result;
  const int64_t start = now_ns();
  int64_t told_to_end_ns = 0;
  bool cancelled = false;
  const auto poll_once = [&] {
    const int writes = rest.empty() ? -1 : in.write_end();
    pollfd waits[] = {{out.read_end(), POLLIN, 0}, {err.read_end(), POLLIN, 0}, {writes, POLLOUT, 0}};
    const bool silent = out.read_end() < 0 && err.read_end() < 0;
    if (::poll(waits, 3, silent ? 1 : kPollMs) <= 0) return false;  // a closed end is -1, which poll passes over
    if (waits[0].revents && !drain(out.read_end(), output)) out.close_read();
    if (waits[1].revents && !drain(err.read_end(), error)) err.close_read();
    if (waits[2].revents) feed(in, rest, options.hold_input);
    return true;
  };
  for (;;) {
    // A grandchild may hold the streams open for ever; once nothing more comes, the program's own end is what counts.
    if (!poll_once() && child.wait(false)) break;
    const int64_t now = now_ns();
    cancelled = cancelled || (options.cancel && options.cancel->cancelled());
    result.timed_out = result.timed_out || (options.timeout_seconds > 0 &&
                                            static_cast<double>(now - start) > options.timeout_seconds * kSecondNs);
    if (!cancelled && !result.timed_out) continue;
    if (told_to_end_ns == 0) {
      child.end(SIGTERM);
      told_to_end_ns = now;
    } else if (static_cast<double>(now - told_to_end_ns) > options.end_seconds * kSecondNs) {
      child.end(SIGKILL);
    }
  }
  // What it wrote between the last look and its end; not all that a grandchild may go on to write.
  for (const int64_t ended = now_ns(); poll_once() && now_ns() - ended < kSecondNs;) {
  }
  result.exit_code = child.exit_code();
  result.output = output.take();
  result.error = error.take();
  if (cancelled || child.was_interrupted()) fail(ErrorKind::cancelled, "interrupted");
  return result;
}

std::string last_line(std::string_view text) {
  const size_t end = text.find_last_not_of(" \t\r\n");
  if (end == std::string_view::npos) return "";
  const size_t start = text.find_last_of('\n', end);
  return std::string(text.substr(start + 1, end - start));
}

}  // namespace quench
