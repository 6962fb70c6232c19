#include "collectives/shared_memory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <utility>

#include "core/random_id.h"

namespace quench::collectives {

/// By which a process knows that it has found the right memory.
struct SharedMemory::Head {
  char token[64];
};

SharedMemory::~SharedMemory() {
  if (head_ != nullptr) ::munmap(head_, sizeof(Head) + bytes_);
  seal();
}

bool SharedMemory::map() {
  void* mapped = ::mmap(nullptr, sizeof(Head) + bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0);
  if (mapped == MAP_FAILED) return false;
  head_ = static_cast<Head*>(mapped);
  return true;
}

std::unique_ptr<SharedMemory> SharedMemory::create(size_t bytes) {
  const int fd = static_cast<int>(::syscall(SYS_memfd_create, "quench", 1U /* close on exec */));
  if (fd < 0) return nullptr;
  std::unique_ptr<SharedMemory> memory(new SharedMemory(fd, bytes));
  if (::ftruncate(fd, static_cast<off_t>(sizeof(Head) + bytes)) != 0 || !memory->map()) return nullptr;
  const std::string token = random_id() + random_id();
  std::memcpy(memory->head_->token, token.data(), token.size());
  return memory;
}

std::string SharedMemory::name() const { return fmt::format("{} {} {}", ::getpid(), fd_, head_->token); }

std::unique_ptr<SharedMemory> SharedMemory::attach(const std::string& name, size_t bytes) {
  int id = 0, number = 0;
  char token[sizeof(Head)] = {};
  if (std::sscanf(name.c_str(), "%d %d %63s", &id, &number, token) != 3) return nullptr;
  // On another machine the same numbers may name anything: it is looked at before it is opened.
  const std::string path = fmt::format("/proc/{}/fd/{}", id, number);
  struct stat found {};
  const auto is_such = [&] {
    return S_ISREG(found.st_mode) && found.st_size == static_cast<off_t>(sizeof(Head) + bytes);
  };
  if (::stat(path.c_str(), &found) != 0 || !is_such()) return nullptr;
  const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (fd < 0) return nullptr;
  std::unique_ptr<SharedMemory> memory(new SharedMemory(fd, bytes));
  if (::fstat(fd, &found) != 0 || !is_such() || !memory->map()) return nullptr;
  return std::memcmp(memory->head_->token, token, sizeof token) == 0 ? std::move(memory) : nullptr;
}

void SharedMemory::seal() {
  if (const int fd = std::exchange(fd_, -1); fd >= 0) ::close(fd);
}

std::byte* SharedMemory::data() const { return reinterpret_cast<std::byte*>(head_ + 1); }

std::unique_ptr<ProcessWatch> ProcessWatch::of(std::span<const pid_t> ids) {
#ifdef SYS_pidfd_open
  std::unique_ptr<ProcessWatch> watch(new ProcessWatch);
  for (const pid_t id : ids) {
    const int fd = static_cast<int>(::syscall(SYS_pidfd_open, id, 0));
    if (fd < 0) return nullptr;
    watch->fds_.push_back(fd);
  }
  return watch;
#else
  return nullptr;
#endif
}

ProcessWatch::~ProcessWatch() {
  for (const int fd : fds_) ::close(fd);
}

bool ProcessWatch::one_has_ended() const {
  std::vector<pollfd> ends;
  for (const int fd : fds_) ends.push_back({fd, POLLIN, 0});
  return ::poll(ends.data(), ends.size(), 0) > 0;
}

}  // namespace quench::collectives
