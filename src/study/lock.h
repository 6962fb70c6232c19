#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "core/file_lock.h"

namespace quench::study {

/// Holds a folder for one program: an advisory lock on `.lock` in it, gone with the process however that ends.
class FolderLock {
 public:
  /// Throws Error{io} where another program holds the folder, naming its process.
  explicit FolderLock(const std::filesystem::path& folder);

 private:
  FileLock lock_;
};

/// The process that holds the folder, 0 where it did not say; empty where none does.
std::optional<int64_t> folder_holder(const std::filesystem::path& folder);

}  // namespace quench::study
