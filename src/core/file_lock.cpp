#include "core/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>

#include "core/error.h"

namespace quench {

namespace {

std::string text_of(int descriptor) {
  char text[32] = {};
  const ssize_t count = ::pread(descriptor, text, sizeof text - 1, 0);
  return {text, count > 0 ? static_cast<size_t>(count) : 0};
}

}  // namespace

FileLock::FileLock(std::filesystem::path file) : file_(std::move(file)) {
  descriptor_ = ::open(file_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor_ < 0) fail(ErrorKind::io, "[file] cannot open {}: {}", file_.string(), std::strerror(errno));
}

FileLock::~FileLock() { ::close(descriptor_); }

bool FileLock::try_lock() {
  while (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno == EWOULDBLOCK) return false;
    fail(ErrorKind::io, "[file] cannot lock {}: {}", file_.string(), std::strerror(errno));
  }
  const std::string own = std::to_string(::getpid());
  if (::ftruncate(descriptor_, 0) != 0 || ::pwrite(descriptor_, own.data(), own.size(), 0) < 0) {
    // The number is for people: the lock holds without it.
  }
  return true;
}

std::string FileLock::holder() const { return text_of(descriptor_); }

std::optional<int64_t> lock_holder(const std::filesystem::path& file) {
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return std::nullopt;
  if (::flock(descriptor, LOCK_SH | LOCK_NB) == 0 || errno != EWOULDBLOCK) {
    ::close(descriptor);
    return std::nullopt;
  }
  const std::string text = text_of(descriptor);
  ::close(descriptor);
  int64_t process = 0;
  std::from_chars(text.data(), text.data() + text.size(), process);
  return process;
}

}  // namespace quench
