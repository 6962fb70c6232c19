#include "data/sets/file_digests.h"

#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <sstream>
#include <utility>

#include "core/error.h"
#include "core/file.h"
#include "core/hash.h"

namespace quench::data {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kSettledNs = 2'000'000'000;
const char* const kFirstLine = "quench file digests 2";

int64_t nanoseconds(const timespec& time) { return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; }

}  // namespace

FileStamp stamp_of(const std::vector<fs::path>& files) {
  FileStamp stamp;
  for (const fs::path& file : files) {
    struct stat state {};
    if (::stat(file.c_str(), &state) != 0) return {};
    const int64_t content_ns = nanoseconds(state.st_mtim), entry_ns = nanoseconds(state.st_ctim);
    stamp.text +=
        fmt::format("{}{}:{}:{}:{}", stamp.text.empty() ? "" : "+", state.st_size, content_ns, entry_ns, state.st_ino);
    stamp.newest_ns = std::max({stamp.newest_ns, content_ns, entry_ns});
  }
  return stamp;
}

bool is_settled(int64_t newest_ns) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count() - newest_ns > kSettledNs;
}

FileDigests::FileDigests(const fs::path& folder, bool may_make_folder)
    : path_(folder.empty() ? fs::path() : folder / "file_digests"), may_make_folder_(may_make_folder) {}

void FileDigests::load() {
  if (std::exchange(loaded_, true) || path_.empty()) return;
  std::string text;
  try {
    text = read_file(path_);
  } catch (const Error&) {
    return;  // none yet
  }
  std::istringstream in(text);
  std::string line;
  if (!std::getline(in, line) || line != kFirstLine) return;
  std::map<std::string, Entry> read;
  while (std::getline(in, line)) {
    if (line == fmt::format("end {}", read.size())) {
      entries_ = std::move(read);
      return;
    }
    std::istringstream words(line);
    Entry entry;
    std::string path;
    if (!(words >> entry.sha256 >> entry.stamp) || words.get() != ' ' || !std::getline(words, path) ||
        entry.sha256.size() != 64) {
      return;
    }
    read.emplace(std::move(path), std::move(entry));
  }
}

std::optional<std::string> FileDigests::known(const std::string& what, const FileStamp& stamp) {
  if (path_.empty() || stamp.text.empty()) return std::nullopt;
  const std::lock_guard lock(mutex_);
  load();
  const auto found = entries_.find(what);
  if (found == entries_.end() || found->second.stamp != stamp.text) return std::nullopt;
  return found->second.sha256;
}

void FileDigests::remember(const std::string& what, const FileStamp& stamp, const std::string& sha256) {
  if (path_.empty() || stamp.text.empty() || !is_settled(stamp.newest_ns) || what.find('\n') != std::string::npos)
    return;
  const std::lock_guard lock(mutex_);
  load();
  entries_[what] = {sha256, stamp.text};
  changed_ = true;
}

std::string FileDigests::of(const fs::path& file) {
  const std::string key = fs::absolute(file).lexically_normal().string();
  const FileStamp stamp = stamp_of({file});
  if (std::optional<std::string> sha256 = known(key, stamp)) return *sha256;
  std::string sha256 = sha256_file(file);
  remember(key, stamp, sha256);
  return sha256;
}

void FileDigests::save() {
  const std::lock_guard lock(mutex_);
  std::error_code code;
  if (!may_make_folder_ && !fs::is_directory(path_.parent_path(), code)) return;
  if (!std::exchange(changed_, false)) return;
  std::string text = fmt::format("{}\n", kFirstLine);
  for (const auto& [path, entry] : entries_) {
    text += fmt::format("{} {} {}\n", entry.sha256, entry.stamp, path);
  }
  text += fmt::format("end {}\n", entries_.size());
  try {
    write_file(path_, text);
  } catch (const Error&) {
    // The files are read again next time.
  }
}

}  // namespace quench::data
