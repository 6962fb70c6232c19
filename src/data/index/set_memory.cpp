#include "data/index/set_memory.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <utility>

#include "core/clock.h"
#include "core/error.h"
#include "core/file.h"
#include "core/hash.h"
#include "core/text.h"
#include "core/workers.h"
#include "data/index/mapped_file.h"

namespace quench::data {
namespace {

namespace fs = std::filesystem;

constexpr int kFileThreads = 16;  // they wait for a file system more than they work

const char* const kIndexMagic = "quench index 1";

struct Contents {
  std::shared_ptr<SetIndex> index;
  std::string_view key;
  Texts paths, stamps;
};

Contents parse(std::span<const char> payload, std::shared_ptr<const void> holder) {
  SectionReader reader(payload);
  Contents out;
  const auto key = reader.next<char>();
  out.key = {key.data(), key.size()};
  out.paths = next_texts(reader);
  out.stamps = next_texts(reader);
  if (out.paths.size() != out.stamps.size()) fail(ErrorKind::data, "[data.index] expected a stamp for each path");
  out.index = std::make_shared<SetIndex>();
  out.index->notes = next_texts(reader).all();
  while (!reader.at_end()) out.index->splits.emplace_back(reader);
  out.index->bytes = std::move(holder);
  return out;
}

/// The first picture of which a file is not as it was; -1 where all are.
int64_t first_changed(const PictureIndex& split, const std::function<fs::path(const fs::path&)>& label_of,
                      const CancelToken* cancel) {
  std::atomic<int64_t> changed = split.size();
  for_many(split.is_detection() ? split.size() : 0, cancel, [&](int64_t i) {
    if (changed < split.size()) return;
    const fs::path path = split.path(i);
    const bool same = stamp_number(stamp_of({path})) == split.picture_stamp(i) &&
                      (!label_of || stamp_number(stamp_of({label_of(path)})) == split.label_stamp(i));
    if (same) return;
    int64_t before = changed;
    while (i < before && !changed.compare_exchange_weak(before, i)) {
    }
  });
  return changed == split.size() ? -1 : changed.load();
}

}  // namespace

Sign sign_of(const fs::path& path) { return {path, stamp_of({path})}; }

uint64_t stamp_number(const FileStamp& stamp) {
  if (stamp.text.empty()) return 0;
  uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
  for (const char c : stamp.text) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  hash ^= hash >> 32;
  return hash == 0 ? 1 : hash;
}

void for_many(int64_t count, const CancelToken* cancel, const std::function<void(int64_t)>& work, int64_t at_once) {
  std::atomic<int64_t> next = 0;
  std::atomic<bool> failed = false;
  const auto some = [&](int) {
    try {
      for (int64_t first = next.fetch_add(at_once); first < count && !failed; first = next.fetch_add(at_once)) {
        if (cancel != nullptr) cancel->check();
        for (int64_t i = first; i < std::min(first + at_once, count); ++i) work(i);
      }
    } catch (...) {
      failed = true;
      throw;
    }
  };
  const auto threads = static_cast<int>(std::min<int64_t>(kFileThreads, count / (4 * at_once)));
  if (threads < 2) return some(0);
  run_workers(threads, some);
}

SetMemory::SetMemory(const fs::path& root, Opening opening)
    : root_(root),
      folder_(root.empty() ? fs::path() : root / "indexes"),
      opening_(std::move(opening)),
      digests_(root, opening_.may_make_root),
      shown_ns_(now_ns()) {
  std::error_code ignored;
  if (!opening_.may_make_root && !fs::is_directory(root, ignored)) folder_.clear();
}

fs::path SetMemory::file_of(const std::string& key) const {
  return folder_ / (sha256_hex(key).substr(0, 24) + ".index");
}

std::shared_ptr<const SetIndex> SetMemory::find(const std::string& key,
                                                const std::function<fs::path(const fs::path&)>& label_of) {
  if (folder_.empty() || opening_.anew) return nullptr;
  const fs::path path = file_of(key);
  const auto mapped = std::make_shared<const MappedFile>(path);
  if (mapped->bytes().empty()) return nullptr;
  const int64_t started_ns = now_ns();
  Contents contents;
  try {
    const std::span<const char> payload = payload_of(mapped->bytes(), kIndexMagic);
    if (payload.empty()) return nullptr;
    contents = parse(payload, mapped);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::data) throw;
    opening_.log.warning(fmt::format("{} is damaged and is made again: {}", path.string(), error.what()));
    return nullptr;
  }
  if (contents.key != key) return nullptr;
  const auto again = [&](const fs::path& changed) {
    opening_.log.info(fmt::format("{} has changed: the pictures are listed again", changed.string()));
    return nullptr;
  };
  std::vector<char> same(contents.paths.size(), 1);
  for_many(static_cast<int64_t>(same.size()), opening_.cancel, [&](int64_t i) {
    const auto at = static_cast<size_t>(i);
    same[at] = stamp_of({fs::path(contents.paths.at(at))}).text == contents.stamps.at(at);
  });
  if (const auto other = std::ranges::find(same, 0); other != same.end()) {
    return again(contents.paths.at(static_cast<size_t>(other - same.begin())));
  }
  int64_t pictures = 0;
  for (const PictureIndex& split : contents.index->splits) {
    if (const int64_t at = first_changed(split, label_of, opening_.cancel); at >= 0) return again(split.path(at));
    pictures += split.size();
  }
  opening_.log.info(fmt::format("{} from the index of an earlier start, in {:.1f} s", counted(pictures, "picture"),
                                static_cast<double>(now_ns() - started_ns) / 1e9));
  return contents.index;
}

std::shared_ptr<const SetIndex> SetMemory::keep(const std::string& key, std::vector<IndexBuilder> splits,
                                                const std::vector<Sign>& signs, const std::vector<std::string>& notes,
                                                int64_t newest_ns, const std::string& shown) {
  int64_t pictures = 0;
  SectionWriter writer;
  size_t bytes = 1 << 16;
  for (const IndexBuilder& split : splits) bytes += split.size_bytes();
  writer.reserve(bytes);
  writer.add(std::string_view(key));
  TextsBuilder paths, stamps, note_texts;
  for (const Sign& sign : signs) {
    paths.add(sign.path.native());
    stamps.add(sign.stamp.text);
    newest_ns = std::max(newest_ns, sign.stamp.newest_ns);
  }
  for (const std::string& note : notes) note_texts.add(note);
  paths.write(writer);
  stamps.write(writer);
  note_texts.write(writer);
  for (IndexBuilder& split : splits) {
    pictures += split.size();
    split.write(writer);
    split = {};
  }
  auto payload = std::make_shared<std::string>(writer.take());
  const bool settled = is_settled(newest_ns);
  if (!folder_.empty() && pictures >= opening_.index_from) {
    if (!settled) {
      opening_.log.info(fmt::format("the list of {}'s pictures is not kept: its files changed just now", shown));
    } else {
      const fs::path path = file_of(key);
      try {
        const KeptHeader header = header_of(kIndexMagic, *payload);
        NewFile file(path);
        file.write({reinterpret_cast<const char*>(&header), sizeof header});
        file.write(*payload);
        file.commit();
        opening_.log.info(fmt::format("{} of {} listed; the next start takes them from {} ({:.1f} MB)",
                                      counted(pictures, "picture"), shown, path.string(),
                                      static_cast<double>(payload->size()) / 1e6));
        auto mapped = std::make_shared<const MappedFile>(path);
        if (mapped->bytes().size() == sizeof header + payload->size()) {
          const std::span<const char> kept = mapped->bytes().subspan(sizeof header);
          payload.reset();
          return parse(kept, std::move(mapped)).index;
        }
      } catch (const Error& error) {
        if (error.kind() != ErrorKind::io) throw;
        opening_.log.info(fmt::format("the list of {}'s pictures is not kept: {}", shown, error.what()));
      }
    }
  }
  const std::span<const char> here = *payload;
  return parse(here, std::move(payload)).index;
}

void SetMemory::show(const std::string& text) {
  constexpr int64_t kEveryNs = 500'000'000;
  opening_.check_cancelled();
  if (now_ns() - shown_ns_ < kEveryNs) return;
  shown_ns_ = now_ns();
  opening_.log.show_progress(text);
}

}  // namespace quench::data
