#include "core/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "core/error.h"

namespace quench {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail_io(const fs::path& path, const char* doing) {
  const int code = errno;
  fail(ErrorKind::io, "[file] cannot {} {}: {}", doing, path.string(), std::strerror(code));
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

bool write_all(int fd, std::string_view content) {
  while (!content.empty()) {
    const ssize_t n = ::write(fd, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    content.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

void make_parent(const fs::path& path) {
  if (!path.has_parent_path()) return;
  std::error_code code;
  fs::create_directories(path.parent_path(), code);
  if (code) fail(ErrorKind::io, "[file] cannot create {}: {}", path.parent_path().string(), code.message());
}

}  // namespace

std::string read_file(const fs::path& path) {
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) fail_io(path, "open");
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) fail_io(path, "stat");
  if (S_ISDIR(info.st_mode)) fail(ErrorKind::io, "[file] expected a file, got the folder {}", path.string());
  std::string content;
  content.reserve(static_cast<size_t>(info.st_size));
  char block[1 << 16];
  for (;;) {
    const ssize_t n = ::read(file.get(), block, sizeof block);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail_io(path, "read");
    if (n == 0) return content;
    content.append(block, static_cast<size_t>(n));
  }
}

void write_file(const fs::path& path, std::string_view content) {
  NewFile file(path);
  file.write(content);
  file.commit();
}

NewFile::NewFile(fs::path path)
    : path_(std::move(path)), beside_(path_.string() + ".tmp" + std::to_string(::getpid())) {
  struct stat info {};
  if (::stat(path_.c_str(), &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode)) {
    fail(ErrorKind::io, "[file] expected a file to replace, got a device or pipe: {}", path_.string());
  }
  make_parent(path_);
  descriptor_ = ::open(beside_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (descriptor_ < 0) fail_io(path_, "write");
}

NewFile::~NewFile() {
  if (descriptor_ < 0) return;  // commit() was reached
  ::close(descriptor_);
  ::unlink(beside_.c_str());
}

void NewFile::fail_here() { fail_io(path_, "write"); }

void NewFile::write(std::string_view content) {
  if (!write_all(descriptor_, content)) fail_here();
}

void NewFile::overwrite(int64_t offset, std::string_view content) {
  while (!content.empty()) {
    const ssize_t n = ::pwrite(descriptor_, content.data(), content.size(), offset);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) fail_here();
    content.remove_prefix(static_cast<size_t>(n));
    offset += n;
  }
}

void NewFile::commit() {
  const bool synced = ::fsync(descriptor_) == 0;
  const int code = errno;
  const bool closed = ::close(std::exchange(descriptor_, -1)) == 0;
  if (synced && closed && ::rename(beside_.c_str(), path_.c_str()) == 0) return;
  if (!synced) errno = code;
  const int told = errno;
  ::unlink(beside_.c_str());
  errno = told;
  fail_here();
}

InputFile::InputFile(fs::path path) : path_(std::move(path)) {
  descriptor_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor_ < 0) fail_io(path_, "open");
  struct stat info {};
  const bool known = ::fstat(descriptor_, &info) == 0;
  if (!known || S_ISDIR(info.st_mode)) {
    ::close(descriptor_);
    if (known) fail(ErrorKind::io, "[file] expected a file, got the folder {}", path_.string());
    fail_io(path_, "stat");
  }
  size_ = info.st_size;
}

InputFile::~InputFile() { ::close(descriptor_); }

bool InputFile::read(int64_t offset, std::span<std::byte> out) const {
  while (!out.empty()) {
    const ssize_t n = ::pread(descriptor_, out.data(), out.size(), offset);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail_io(path_, "read");
    if (n == 0) return false;
    out = out.subspan(static_cast<size_t>(n));
    offset += n;
  }
  return true;
}

void append_line(const fs::path& path, std::string_view line) {
  make_parent(path);
  Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (file.get() < 0) fail_io(path, "append to");
  const off_t end = ::lseek(file.get(), 0, SEEK_END);
  if (end < 0) fail_io(path, "append to");
  std::string text;
  char last = '\n';
  if (end > 0 && ::pread(file.get(), &last, 1, end - 1) != 1) fail_io(path, "read");
  if (last != '\n') text += '\n';
  text.append(line).append("\n");
  if (!write_all(file.get(), text) || ::fsync(file.get()) != 0) {
    const int code = errno;
    if (::ftruncate(file.get(), end) != 0) {
    }  // the write's own error is the one to tell
    errno = code;
    fail_io(path, "append to");
  }
}

void require_writable(const fs::path& folder) {
  const fs::path probe = folder / fmt::format(".quench-write-{}", ::getpid());
  make_parent(probe);
  Descriptor file(::open(probe.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
  if (file.get() < 0) fail_io(folder, "write into");
  ::unlink(probe.c_str());
}

}  // namespace quench
