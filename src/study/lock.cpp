#include "study/lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "core/error.h"

namespace quench::study {

FolderLock::FolderLock(const std::filesystem::path& folder) {
  const std::filesystem::path file = folder / ".lock";
  descriptor_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor_ < 0) fail(ErrorKind::io, "[study.lock] cannot open {}: {}", file.string(), std::strerror(errno));
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
    const int code = errno;
    char text[32] = {};
    const ssize_t count = ::read(descriptor_, text, sizeof text - 1);
    ::close(descriptor_);
    if (code != EWOULDBLOCK) fail(ErrorKind::io, "[study.lock] cannot lock {}: {}", file.string(), std::strerror(code));
    const std::string holder(text, count > 0 ? static_cast<size_t>(count) : 0);
    fail(ErrorKind::io, "[study.lock] expected a folder that no other study works in, got {} which process {} holds",
         folder.string(), holder.empty() ? "?" : holder);
  }
  const std::string own = std::to_string(::getpid());
  if (::ftruncate(descriptor_, 0) != 0 || ::pwrite(descriptor_, own.data(), own.size(), 0) < 0) {
    // The number is for people: the lock holds without it.
  }
}

FolderLock::~FolderLock() { ::close(descriptor_); }

}  // namespace quench::study
