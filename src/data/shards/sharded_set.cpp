#include "data/shards/sharded_set.h"

#include <array>
#include <charconv>
#include <cstring>
#include <list>
#include <map>
#include <mutex>
#include <utility>

#include "core/error.h"
#include "core/hash.h"
#include "data/sets/image_folder.h"
#include "data/shards/shard_index.h"
#include "data/shards/shard_order.h"

namespace quench::data {
namespace {

namespace fs = std::filesystem;

/// Shards that are open, the latest used first; the oldest is closed where they are too many.
class OpenShards {
 public:
  OpenShards(fs::path folder, bool in_order) : folder_(std::move(folder)), in_order_(in_order) {}

  std::shared_ptr<const ShardReader> get(const std::string& name) {
    constexpr size_t kMost = 64;
    const std::lock_guard lock(mutex_);
    if (const auto found = by_name_.find(name); found != by_name_.end()) {
      used_.splice(used_.begin(), used_, found->second);
      return found->second->second;
    }
    used_.emplace_front(name, std::make_shared<const ShardReader>(folder_ / name, in_order_));
    by_name_[name] = used_.begin();
    if (used_.size() > kMost) {
      by_name_.erase(used_.back().first);
      used_.pop_back();
    }
    return used_.front().second;
  }

 private:
  using Used = std::list<std::pair<std::string, std::shared_ptr<const ShardReader>>>;

  fs::path folder_;
  bool in_order_;
  std::mutex mutex_;
  Used used_;
  std::map<std::string, Used::iterator> by_name_;
};

class ShardedSet : public Dataset, public InShards {
 public:
  ShardedSet(fs::path folder, std::shared_ptr<const ShardIndex> index, size_t split, int64_t window)
      : folder_(std::move(folder)),
        index_(std::move(index)),
        split_(index_->splits.at(split)),
        classes_(split_.pictures.classes()),
        category_ids_(split_.pictures.category_ids()),
        window_(window),
        open_(folder_, window > 0) {}

  int64_t size() const override { return split_.pictures.size(); }
  const std::vector<std::string>& classes() const override { return classes_; }
  int32_t label(int64_t index) const override { return is_detection() ? -1 : split_.pictures.label(index); }
  std::string task() const override { return is_detection() ? "detect" : "classify"; }
  std::vector<Object> objects(int64_t index) const override {
    return is_detection() ? split_.pictures.objects(index) : Dataset::objects(index);
  }
  ImageInfo image(int64_t index) const override {
    return is_detection() ? split_.pictures.info(index) : Dataset::image(index);
  }
  std::vector<int64_t> category_ids() const override {
    return category_ids_.empty() ? Dataset::category_ids() : category_ids_;
  }
  std::vector<LabelIssue> issues() const override { return split_.pictures.issues(); }
  std::string digest() const override {
    return window_ > 0 ? sha256_hex(fmt::format("{} by shards, {} at a time", split_.digest, window_)) : split_.digest;
  }
  int64_t window() const override { return window_; }
  int64_t shard_of(int64_t index) const override { return split_.shard_of[static_cast<size_t>(index)]; }

  Sample at(int64_t index) const override {
    const std::string what = split_.pictures.path(index).string();
    const std::string& shard = split_.shards.at(split_.shard_of[static_cast<size_t>(index)]).name;
    const std::string bytes = open_.get(shard)->read(split_.samples[static_cast<size_t>(index)], what);
    const std::string where = (folder_ / shard).string() + ", " + what;
    Sample sample{
        index_->form == SampleForm::files ? decode_image(bytes, where) : pixels_of(bytes, where), label(index), {}};
    if (!is_detection()) return sample;
    const ImageInfo info = image(index);
    const Shape expected{info.height, info.width, 3};
    if (sample.pixels.shape() != expected) {
      fail(ErrorKind::data, "[data.shards] expected {} as when the set was packed, got {} ({})", to_string(expected),
           to_string(sample.pixels.shape()), where);
    }
    sample.objects = objects(index);
    return sample;
  }

 private:
  bool is_detection() const { return split_.pictures.is_detection(); }

  static Tensor pixels_of(const std::string& bytes, const std::string& where) {
    std::array<uint32_t, 2> size{};
    if (bytes.empty()) fail(ErrorKind::data, "[data.shards] the picture did not decode when it was packed ({})", where);
    if (bytes.size() >= sizeof size) std::memcpy(size.data(), bytes.data(), sizeof size);
    const uint64_t wanted = sizeof size + 3 * uint64_t{size[0]} * size[1];
    if (size[0] == 0 || size[0] > 1 << 20 || size[1] == 0 || size[1] > 1 << 20 || wanted != bytes.size()) {
      fail(ErrorKind::data, "[data.shards] expected a height, a width and their pixels, got {} bytes ({})",
           bytes.size(), where);
    }
    Tensor pixels(DType::u8, {size[0], size[1], 3});
    std::memcpy(pixels.mutable_bytes(), bytes.data() + sizeof size, bytes.size() - sizeof size);
    return pixels;
  }

  fs::path folder_;
  std::shared_ptr<const ShardIndex> index_;
  const ShardSplit& split_;
  std::vector<std::string> classes_;
  std::vector<int64_t> category_ids_;
  int64_t window_;
  mutable OpenShards open_;
};

/// All shards are there, and as long as they were.
void require_shards(const fs::path& folder, const ShardIndex& index) {
  for (const ShardSplit& split : index.splits) {
    for (const ShardFacts& shard : split.shards) {
      std::error_code code;
      const uintmax_t size = fs::file_size(folder / shard.name, code);
      if (code) {
        fail(ErrorKind::io, "[data.shards] expected the shard {}, got nothing: {}", (folder / shard.name).string(),
             code.message());
      }
      if (size == shard.size_bytes) continue;
      fail(ErrorKind::data, "[data.shards] expected {} bytes, got {}: cut, or of another set ({})", shard.size_bytes,
           size, (folder / shard.name).string());
    }
  }
}

}  // namespace

bool is_sharded(const fs::path& folder) {
  std::error_code ignored;
  return fs::is_regular_file(folder / kShardIndexName, ignored);
}

ShardReading parse_shard_reading(const std::string& text) {
  ShardReading out;
  for (size_t begin = 0; begin <= text.size() && !text.empty();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    const std::string part = text.substr(begin, end - begin);
    begin = end + 1;
    const size_t equals = part.find('=');
    const std::string key = part.substr(0, equals), value = equals == part.npos ? "" : part.substr(equals + 1);
    if (key == "shuffle" && (value == "all" || value == "shards")) {
      out.by_shards = value == "shards";
      continue;
    }
    const auto [stop, code] = std::from_chars(value.data(), value.data() + value.size(), out.window);
    const bool number = code == std::errc() && stop == value.data() + value.size();
    if (key == "window" && number && out.window >= 1 && out.window <= 1'000'000) continue;
    fail(ErrorKind::config, "[data.shards] expected shuffle=all, shuffle=shards or window=N from 1 on, got '{}'", part);
  }
  return out;
}

Splits open_shards(const fs::path& folder, const ShardReading& reading) {
  const auto index = std::make_shared<const ShardIndex>(read_shard_index(folder));
  require_shards(folder, *index);
  Splits splits;
  splits.name = index->name;
  splits.notes = index->notes;
  splits.same_images = index->same_images;
  size_t next = 0;
  splits.train = std::make_shared<ShardedSet>(folder, index, next++, reading.by_shards ? reading.window : 0);
  if (splits.same_images) {
    splits.test = reading.by_shards ? std::make_shared<ShardedSet>(folder, index, 0, 0) : splits.train;
  } else {
    splits.test = std::make_shared<ShardedSet>(folder, index, next++, 0);
  }
  if (index->has_validation) splits.validation = std::make_shared<ShardedSet>(folder, index, next++, 0);
  return splits;
}

}  // namespace quench::data
