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

constexpr int64_t kMostBytes = int64_t{8} << 30;  // of a file that is read whole

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

const char* kind_of(mode_t mode) {
  if (S_ISDIR(mode)) return "the folder";
  if (S_ISFIFO(mode)) return "the pipe";
  return S_ISSOCK(mode) ? "the socket" : "the device";
}

/// Whether the path is one that a shell hands over an open pipe by: <(...) and standard input.
bool is_handed_over(const fs::path& path) {
  const std::string text = path.string();
  return text == "/dev/stdin" || text.starts_with("/dev/fd/") || text.starts_with("/proc/self/fd/");
}

/// Opens a file for reading, and nothing that never ends or that keeps us waiting. may_flow: a pipe will do where it is
/// handed over.
int open_to_read(const fs::path& path, bool may_flow, struct stat& info) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);  // a pipe would wait for a writer
  if (fd < 0) fail_io(path, "open");
  if (::fstat(fd, &info) != 0) {
    const int code = errno;
    ::close(fd);
    errno = code;
    fail_io(path, "stat");
  }
  const bool flows = may_flow && S_ISFIFO(info.st_mode) && is_handed_over(path);
  if (!S_ISREG(info.st_mode) && !flows) {
    ::close(fd);
    fail(ErrorKind::io, "[file] expected a file, got {} {}", kind_of(info.st_mode), path.string());
  }
  if (flows) ::fcntl(fd, F_SETFL, 0);
  return fd;
}

[[noreturn]] void fail_too_large(const fs::path& path) {
  fail(ErrorKind::io, "[file] expected a file of at most {} GiB, got a larger one: {}", kMostBytes >> 30,
       path.string());
}

}  // namespace

std::string read_file(const fs::path& path) {
  struct stat info {};
  Descriptor file(open_to_read(path, true, info));
  if (info.st_size > kMostBytes) fail_too_large(path);
  std::string content;
  content.reserve(static_cast<size_t>(info.st_size));
  char block[1 << 16];
  for (;;) {
    const ssize_t n = ::read(file.get(), block, sizeof block);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail_io(path, "read");
    if (n == 0) return content;
    content.append(block, static_cast<size_t>(n));
    if (static_cast<int64_t>(content.size()) > kMostBytes) fail_too_large(path);
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
  struct stat info {};
  descriptor_ = open_to_read(path_, false, info);
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
