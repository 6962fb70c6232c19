#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace quench {

/// An advisory lock on a file (flock), gone with the process however that ends. Who holds it writes its process number
/// into the file, for people.
class FileLock {
 public:
  /// Opens the file, which is made where it is not there, and locks nothing yet. Throws Error{io} where it cannot.
  explicit FileLock(std::filesystem::path file);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

  /// Takes the lock unless another holds it: then false, at once. Throws Error{io} where the file cannot be locked.
  bool try_lock();
  /// The process that the file names; empty where it names none.
  std::string holder() const;

 private:
  std::filesystem::path file_;
  int descriptor_ = -1;
};

/// The process that holds the lock on a file, which is not made: 0 where it did not say; empty where none does. Who
/// asks holds the lock for a moment.
std::optional<int64_t> lock_holder(const std::filesystem::path& file);

}  // namespace quench
