#pragma once

#include <sys/types.h>

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace quench::collectives {

/// Memory that processes of one machine share. It has no name in the file system, so that nothing is left of it when
/// they are killed.
class SharedMemory {
 public:
  /// New memory of zeros. Null where this system has none to share.
  static std::unique_ptr<SharedMemory> create(size_t bytes);
  /// What other processes find it by, as long as it is not sealed.
  std::string name() const;
  /// The memory of that name and size, in another process. Null where this one cannot reach it: another machine,
  /// container or user.
  static std::unique_ptr<SharedMemory> attach(const std::string& name, size_t bytes);
  /// Nobody can attach any more.
  void seal();

  ~SharedMemory();
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;

  /// At a multiple of 64.
  std::byte* data() const;

 private:
  struct Head;
  explicit SharedMemory(int fd, size_t bytes) : fd_(fd), bytes_(bytes) {}
  bool map();

  int fd_ = -1;
  size_t bytes_ = 0;
  Head* head_ = nullptr;
};

/// Notices when other processes of this machine end, in whatever way.
class ProcessWatch {
 public:
  /// Null where this system cannot (Linux before 5.3), or one of them has ended.
  static std::unique_ptr<ProcessWatch> of(std::span<const pid_t> ids);
  ~ProcessWatch();
  ProcessWatch(const ProcessWatch&) = delete;
  ProcessWatch& operator=(const ProcessWatch&) = delete;

  bool one_has_ended() const;

 private:
  ProcessWatch() = default;
  std::vector<int> fds_;
};

}  // namespace quench::collectives
