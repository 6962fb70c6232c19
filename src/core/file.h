#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace quench {

/// Whole content of a regular file of at most 8 GiB, or of a pipe named by /dev/fd or /dev/stdin. Throws Error{io}.
std::string read_file(const std::filesystem::path& path);

/// Replaces the file as a whole or not at all: writes beside it, syncs, renames. A full disk or a
/// kill leaves the earlier content. Creates parent folders. Throws Error{io}.
void write_file(const std::filesystem::path& path, std::string_view content);

/// A file that comes to be as a whole or not at all, written piece by piece: it lies beside `path` under another name
/// until commit(), and is removed where that is not reached. Creates parent folders. All throw Error{io}.
class NewFile {
 public:
  explicit NewFile(std::filesystem::path path);
  ~NewFile();
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  void write(std::string_view content);
  /// Replaces bytes that are written already, from `offset` on.
  void overwrite(int64_t offset, std::string_view content);
  /// Syncs and renames. Nothing may follow.
  void commit();

 private:
  [[noreturn]] void fail_here();

  std::filesystem::path path_, beside_;
  int descriptor_ = -1;
};

/// A regular file open for reading at any place. All throw Error{io}.
class InputFile {
 public:
  explicit InputFile(std::filesystem::path path);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  const std::filesystem::path& path() const { return path_; }
  int64_t size() const { return size_; }  ///< when it was opened
  /// Fills `out` from `offset` on. False where the file ends before.
  bool read(int64_t offset, std::span<std::byte> out) const;

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
  int64_t size_ = 0;
};

/// Appends `line` and '\n' in one write and syncs. Where the write comes out short (full disk), the file is cut
/// back to its earlier length, and Error{io} is thrown. An earlier torn last line (no '\n') is ended first.
void append_line(const std::filesystem::path& path, std::string_view line);

/// Throws Error{io} unless files can be made in `folder` (created where missing).
void require_writable(const std::filesystem::path& folder);

}  // namespace quench
