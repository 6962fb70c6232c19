#include "study/lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <string>

#include "core/error.h"

namespace quench::study {

namespace {

constexpr int kTries = 5;  ///< who asks lock_holder() holds the lock for a moment

}  // namespace

FolderLock::FolderLock(const std::filesystem::path& folder) : lock_(folder / ".lock") {
  bool locked = lock_.try_lock();
  for (int i = 1; i < kTries && !locked; ++i) {
    ::usleep(20'000);
    locked = lock_.try_lock();
  }
  if (locked) return;
  const std::string holder = lock_.holder();
  fail(ErrorKind::io, "[study.lock] expected a folder that no other study works in, got {} which process {} holds",
       folder.string(), holder.empty() ? "?" : holder);
}

std::optional<int64_t> lock_holder(const std::filesystem::path& folder) {
  const int descriptor = ::open((folder / ".lock").c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return std::nullopt;
  if (::flock(descriptor, LOCK_SH | LOCK_NB) == 0 || errno != EWOULDBLOCK) {
    ::close(descriptor);
    return std::nullopt;
  }
  char text[32] = {};
  const ssize_t count = ::pread(descriptor, text, sizeof text - 1, 0);
  ::close(descriptor);
  int64_t process = 0;
  std::from_chars(text, text + (count > 0 ? count : 0), process);
  return process;
}

}  // namespace quench::study
