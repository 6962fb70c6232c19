#include "data/index/listing.h"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "core/error.h"
#include "data/sets/file_finder.h"

namespace quench::data {
namespace {

namespace fs = std::filesystem;

/// What a folder is, whatever links lead there: device and inode.
using FileId = std::pair<dev_t, ino_t>;

[[noreturn]] void fail_listing(const fs::path& folder) {
  const int code = errno;
  fail(ErrorKind::io, "[data.folder] cannot list {}: {}", folder.string(), std::strerror(code));
}

enum class Kind { file, folder, other };

Kind kind_of(const dirent& entry, int folder) {
  if (entry.d_type == DT_REG) return Kind::file;
  if (entry.d_type == DT_DIR) return Kind::folder;
  if (entry.d_type != DT_LNK && entry.d_type != DT_UNKNOWN) return Kind::other;
  struct stat info {};
  if (::fstatat(folder, entry.d_name, &info, 0) != 0) return Kind::other;  // a broken link
  if (S_ISREG(info.st_mode)) return Kind::file;
  return S_ISDIR(info.st_mode) ? Kind::folder : Kind::other;
}

void list(const fs::path& folder, const std::string& below, std::vector<FileId>& above, Listing& out) {
  struct stat info {};
  if (::stat(folder.c_str(), &info) != 0) fail_listing(folder);
  const FileId id{info.st_dev, info.st_ino};
  if (std::ranges::find(above, id) != above.end()) {
    fail(ErrorKind::io, "[data.folder] expected folders that end, got a link to a folder that it lies in: {}",
         folder.string());
  }
  above.push_back(id);
  out.folders.push_back(sign_of(fs::absolute(folder)));
  const std::unique_ptr<DIR, int (*)(DIR*)> opened(::opendir(folder.c_str()), ::closedir);
  if (!opened) fail_listing(folder);
  std::vector<std::string> folders;
  while (true) {
    errno = 0;
    const dirent* entry = ::readdir(opened.get());
    if (entry == nullptr) {
      if (errno != 0) fail_listing(folder);
      break;
    }
    if (is_hidden_name(entry->d_name)) continue;
    const Kind kind = kind_of(*entry, ::dirfd(opened.get()));
    if (kind == Kind::file) out.files.push_back(below + entry->d_name);
    if (kind == Kind::folder) folders.emplace_back(entry->d_name);
  }
  for (const std::string& name : folders) list(folder / name, below + name + "/", above, out);
  above.pop_back();
}

}  // namespace

bool path_before(std::string_view a, std::string_view b) {
  const auto [in_a, in_b] = std::ranges::mismatch(a, b);
  if (in_a == a.end() || in_b == b.end()) return in_a == a.end() && in_b != b.end();
  if (*in_a == '/' || *in_b == '/') return *in_a == '/';  // the shorter part comes first
  return static_cast<uint8_t>(*in_a) < static_cast<uint8_t>(*in_b);
}

Listing list_below(const fs::path& folder) {
  Listing out;
  std::vector<FileId> above;
  list(folder, "", above, out);
  std::ranges::sort(out.files, path_before);
  return out;
}

}  // namespace quench::data
