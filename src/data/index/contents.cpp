#include "data/index/contents.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <deque>
#include <mutex>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "core/error.h"
#include "core/file.h"
#include "core/hash.h"
#include "core/text.h"
#include "data/index/mapped_file.h"

namespace quench::data {
namespace {

namespace fs = std::filesystem;

const char* const kDigestsMagic = "quench sha256 1";
constexpr int64_t kSaveEveryNs = 60'000'000'000;
constexpr int64_t kChunk = 8192;

/// A file and its content: hash of its path, of its stamp, SHA-256.
struct Entry {
  uint64_t path, stamp;
  std::array<char, 32> sha256;
};
static_assert(sizeof(Entry) == 48);

uint64_t number_of(const std::string& text) { return stamp_number({text, 0}); }

bool by_path(const Entry& a, const Entry& b) { return a.path < b.path; }

std::string from_hex(const std::string& hex) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) bytes += static_cast<char>(digit(hex[i]) << 4 | digit(hex[i + 1]));
  return bytes;
}

/// Entries that are kept between starts, and those that came since.
class Table {
 public:
  Table(fs::path path, const LogSink& log) : path_(std::move(path)) {
    if (path_.empty()) return;
    open(log);
  }

  const Entry* find(uint64_t path, uint64_t stamp) {
    const auto found = std::ranges::lower_bound(kept_, path, {}, &Entry::path);
    if (found == kept_.end() || found->path != path || found->stamp != stamp) return nullptr;
    used_[static_cast<size_t>(found - kept_.begin())] = 1;
    return &*found;
  }

  void add(const Entry& entry) {
    const std::lock_guard lock(mutex_);
    added_.push_back(entry);
  }

  bool due() const { return !added_.empty() && now_ns() - saved_ns_ > kSaveEveryNs; }

  /// Writes what was kept (whole: of that only what was used) and what was added.
  void save(bool whole) {
    if (path_.empty() || added_.empty()) return;
    std::ranges::sort(added_, by_path);
    KeptHeader header = header_of(kDigestsMagic, {});
    for_each(whole, [&](const Entry& entry) {
      header.size += sizeof entry;
      header.checksum = crc_of({reinterpret_cast<const char*>(&entry), sizeof entry}, header.checksum);
    });
    saved_ns_ = now_ns();
    try {
      constexpr size_t kBlock = 1 << 20;
      NewFile file(path_);
      std::string block(reinterpret_cast<const char*>(&header), sizeof header);
      for_each(whole, [&](const Entry& entry) {
        block.append(reinterpret_cast<const char*>(&entry), sizeof entry);
        if (block.size() < kBlock) return;
        file.write(block);
        block.clear();
      });
      file.write(block);
      file.commit();
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::io) throw;  // the files are read again next time
    }
  }

 private:
  /// What save() writes, in order.
  template <typename Use>
  void for_each(bool whole, const Use& use) const {
    size_t next = 0;
    const auto kept_before = [&](const Entry* added) {
      for (; next < kept_.size() && (added == nullptr || kept_[next].path < added->path); ++next) {
        if (!whole || used_[next] != 0) use(kept_[next]);
      }
    };
    for (const Entry& entry : added_) {
      kept_before(&entry);
      while (next < kept_.size() && kept_[next].path == entry.path) ++next;  // replaced
      use(entry);
    }
    kept_before(nullptr);
  }

  void open(const LogSink& log) {
    mapped_ = std::make_unique<MappedFile>(path_);
    if (mapped_->bytes().empty()) return;
    try {
      const std::span<const char> payload = payload_of(mapped_->bytes(), kDigestsMagic);
      kept_ = {reinterpret_cast<const Entry*>(payload.data()), payload.size() / sizeof(Entry)};
      if (!std::ranges::is_sorted(kept_, by_path)) fail(ErrorKind::data, "[data.contents] expected entries in order");
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::data) throw;
      kept_ = {};
      log.warning(fmt::format("{} is damaged, and the pictures are read again: {}", path_.string(), error.what()));
    }
    used_.resize(kept_.size());
  }

  fs::path path_;
  std::unique_ptr<MappedFile> mapped_;
  std::span<const Entry> kept_;
  std::vector<char> used_;  ///< of kept_; each is set by one thread
  std::mutex mutex_;
  std::deque<Entry> added_;  // which grows without being copied
  int64_t saved_ns_ = now_ns();
};

}  // namespace

void use_contents(int64_t count, const std::function<fs::path(int64_t)>& path, SetMemory& memory,
                  const std::string& key, const std::function<void(int64_t, const std::string&)>& use) {
  if (count < memory.opening().index_from) {
    for (int64_t i = 0; i < count; ++i) {
      memory.opening().check_cancelled();
      use(i, memory.digests().of(path(i)));
    }
    memory.digests().save();
    return;
  }
  const LogSink& log = memory.opening().log;
  Table table(memory.folder().empty() ? fs::path() : memory.folder() / (sha256_hex(key).substr(0, 24) + ".sha256"),
              log);
  std::vector<std::array<char, 32>> chunk(static_cast<size_t>(std::min(kChunk, count)));
  std::atomic<int64_t> read = 0;
  try {
    for (int64_t first = 0; first < count; first += kChunk) {
      for_many(std::min(kChunk, count - first), memory.opening().cancel, [&](int64_t i) {
        const fs::path file = path(first + i);
        const std::string name = fs::absolute(file).lexically_normal().string();
        const FileStamp stamp = stamp_of({file});
        auto& out = chunk[static_cast<size_t>(i)];
        Entry entry{number_of(name), stamp_number(stamp), {}};
        if (const Entry* known = stamp.text.empty() ? nullptr : table.find(entry.path, entry.stamp)) {
          out = known->sha256;
          return;
        }
        const auto remembered = memory.digests().known(name, stamp);
        if (!remembered && read++ == 0) {
          log.info(fmt::format("reading {} for their digest: once, it is remembered", counted(count, "picture")));
        }
        const std::string bytes = from_hex(remembered ? *remembered : sha256_file(file));
        std::memcpy(out.data(), bytes.data(), std::min(bytes.size(), out.size()));
        entry.sha256 = out;
        if (is_settled(stamp.newest_ns)) table.add(entry);
      });
      for (int64_t i = 0; i < std::min(kChunk, count - first); ++i) {
        const auto& bytes = chunk[static_cast<size_t>(i)];
        use(first + i, to_hex({bytes.data(), bytes.size()}));
      }
      if (read > 0) memory.show(fmt::format("digest of the data: {} of {} pictures", first, count));
      if (table.due()) table.save(false);
    }
  } catch (...) {
    table.save(false);
    throw;
  }
  table.save(true);
}

}  // namespace quench::data
