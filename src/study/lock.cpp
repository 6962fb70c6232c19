#include "study/lock.h"

#include <unistd.h>

#include <string>

#include "core/error.h"

namespace quench::study {

namespace {

constexpr int kTries = 5;  ///< who asks folder_holder() holds the lock for a moment

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

std::optional<int64_t> folder_holder(const std::filesystem::path& folder) { return lock_holder(folder / ".lock"); }

}  // namespace quench::study
