#include "data/sets/file_digests.h"

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
const char* const kFirstLine = "quench file digests 1";

int64_t nanoseconds(fs::file_time_type time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

}  // namespace

FileDigests::FileDigests(const fs::path& folder) : path_(folder.empty() ? fs::path() : folder / "file_digests") {}

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
    if (!(words >> entry.sha256 >> entry.size >> entry.time_ns) || words.get() != ' ' || !std::getline(words, path) ||
        entry.sha256.size() != 64) {
      return;
    }
    read.emplace(std::move(path), std::move(entry));
  }
}

std::string FileDigests::of(const fs::path& file) {
  const std::string key = fs::absolute(file).lexically_normal().string();
  std::error_code no_size, no_time;
  const auto size = static_cast<int64_t>(fs::file_size(file, no_size));
  const int64_t time_ns = nanoseconds(fs::last_write_time(file, no_time));
  const bool known = !path_.empty() && !no_size && !no_time && key.find('\n') == std::string::npos;
  if (known) {
    const std::lock_guard lock(mutex_);
    load();
    const auto found = entries_.find(key);
    if (found != entries_.end() && found->second.size == size && found->second.time_ns == time_ns) {
      return found->second.sha256;
    }
  }
  std::string sha256 = sha256_file(file);
  if (known && nanoseconds(fs::file_time_type::clock::now()) - time_ns > kSettledNs) {
    const std::lock_guard lock(mutex_);
    entries_[key] = {size, time_ns, sha256};
    changed_ = true;
  }
  return sha256;
}

void FileDigests::save() {
  const std::lock_guard lock(mutex_);
  if (!std::exchange(changed_, false)) return;
  std::string text = fmt::format("{}\n", kFirstLine);
  for (const auto& [path, entry] : entries_) {
    text += fmt::format("{} {} {} {}\n", entry.sha256, entry.size, entry.time_ns, path);
  }
  text += fmt::format("end {}\n", entries_.size());
  try {
    write_file(path_, text);
  } catch (const Error&) {
    // The files are read again next time.
  }
}

}  // namespace quench::data
