#include "study/lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <string>

#include "core/error.h"

namespace quench::study {

namespace {

constexpr int kTries = 5;  ///< who asks lock_holder() holds the lock for a moment

bool try_lock(int descriptor, int how) { return ::flock(descriptor, how | LOCK_NB) == 0; }

/// What the holder wrote into the file.
std::string holder_of(int descriptor) {
  char text[32] = {};
  const ssize_t count = ::pread(descriptor, text, sizeof text - 1, 0);
  return {text, count > 0 ? static_cast<size_t>(count) : 0};
}

}  // namespace

FolderLock::FolderLock(const std::filesystem::path& folder) {
  const std::filesystem::path file = folder / ".lock";
  descriptor_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor_ < 0) fail(ErrorKind::io, "[study.lock] cannot open {}: {}", file.string(), std::strerror(errno));
  bool locked = try_lock(descriptor_, LOCK_EX);
  for (int i = 1; i < kTries && !locked && errno == EWOULDBLOCK; ++i) {
    ::usleep(20'000);
    locked = try_lock(descriptor_, LOCK_EX);
  }
  if (!locked) {
    const int code = errno;
    const std::string holder = holder_of(descriptor_);
    ::close(descriptor_);
    if (code != EWOULDBLOCK) fail(ErrorKind::io, "[study.lock] cannot lock {}: {}", file.string(), std::strerror(code));
    fail(ErrorKind::io, "[study.lock] expected a folder that no other study works in, got {} which process {} holds",
         folder.string(), holder.empty() ? "?" : holder);
  }
  const std::string own = std::to_string(::getpid());
  if (::ftruncate(descriptor_, 0) != 0 || ::pwrite(descriptor_, own.data(), own.size(), 0) < 0) {
    // The number is for people: the lock holds without it.
  }
}

std::optional<int64_t> lock_holder(const std::filesystem::path& folder) {
  const int descriptor = ::open((folder / ".lock").c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return std::nullopt;
  const bool is_free = try_lock(descriptor, LOCK_SH) || errno != EWOULDBLOCK;
  const std::string holder = is_free ? "" : holder_of(descriptor);
  ::close(descriptor);
  if (is_free) return std::nullopt;
  int64_t process = 0;
  std::from_chars(holder.data(), holder.data() + holder.size(), process);
  return process;
}

FolderLock::~FolderLock() { ::close(descriptor_); }

}  // namespace quench::study
