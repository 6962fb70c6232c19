#include "data/shards/write_shards.h"

#include <algorithm>
#include <array>
#include <deque>
#include <numeric>
#include <optional>
#include <utility>

#include "core/clock.h"
#include "core/error.h"
#include "core/file.h"
#include "core/file_lock.h"
#include "core/hash.h"
#include "core/rng.h"
#include "core/task.h"
#include "core/text.h"
#include "data/index/set_memory.h"
#include "data/pictures/letterbox.h"
#include "data/shards/shard_index.h"

namespace quench::data {
namespace {

namespace fs = std::filesystem;

const char* const kLockName = ".packing";

/// How pictures are resized: their long side to `side`, where it is longer.
std::optional<Letterbox> shrunk(int height, int width, int side) {
  if (side <= 0 || std::max(height, width) <= side) return std::nullopt;
  return rect_letterbox(height, width, side, 1);
}

/// [h,w,3] with its size before it.
std::string pixel_sample(const Dataset& split, int64_t index, int side) {
  Tensor pixels;
  try {
    pixels = split.at(index).pixels;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::data) throw;
    return {};  // says so when it is read
  }
  if (const auto box = shrunk(static_cast<int>(pixels.shape()[0]), static_cast<int>(pixels.shape()[1]), side)) {
    Tensor smaller(DType::u8, {box->canvas_height, box->canvas_width, 3});
    draw(pixels, *box, smaller.mutable_values<uint8_t>().data());
    pixels = std::move(smaller);
  }
  const std::array<uint32_t, 2> size{static_cast<uint32_t>(pixels.shape()[0]),
                                     static_cast<uint32_t>(pixels.shape()[1])};
  std::string bytes(reinterpret_cast<const char*>(size.data()), sizeof size);
  return bytes.append(reinterpret_cast<const char*>(pixels.bytes()), pixels.size_bytes());
}

/// What is known of a sample beside its bytes.
void describe(const Dataset& split, int64_t index, const ShardOptions& options, IndexBuilder& to) {
  const fs::path file = split.file(index);
  const std::string name = file.empty() ? fmt::format("{:08}", index) : file.filename().string();
  if (labels_of(split.task()) != Labels::objects) {
    to.add(file.parent_path().filename().native(), name, split.label(index));
    return;
  }
  const ImageInfo info = split.image(index);
  const auto box = shrunk(info.height, info.width, options.form == SampleForm::pixels ? options.imgsz : 0);
  to.add(file.parent_path().filename().native(), name);
  to.describe({info.id, info.name, box ? box->canvas_height : info.height, box ? box->canvas_width : info.width, 1, 0});
  for (Object object : split.objects(index)) {
    if (box) {
      object.box = box->to_canvas(object.box);
      object.area *= box->gain * box->gain;
    }
    to.add_object(to.size() - 1, object);
  }
}

class Packer {
 public:
  Packer(const fs::path& folder, const ShardOptions& options, const std::string& key, const LogSink& log,
         const CancelToken& cancel)
      : folder_(folder), options_(options), key_(key), log_(log), cancel_(cancel) {}

  ShardSplitBuilder pack(const Dataset& split, const std::string& name, std::string digest) {
    ShardSplitBuilder out;
    out.digest = std::move(digest);
    for (int64_t i = 0; i < split.size(); ++i) describe(split, i, options_, out.pictures);
    out.pictures.set_classes(
        split.classes(), labels_of(split.task()) == Labels::objects ? split.category_ids() : std::vector<int64_t>());
    for (const LabelIssue& issue : split.issues()) out.pictures.add_issue(issue);
    out.samples.resize(static_cast<size_t>(split.size()));
    out.shard_of.resize(out.samples.size());
    order_ = order_of(name, split.size());
    for (done_ = 0; done_ < order_.size();) {
      const std::string file = fmt::format("{}-{:05}.shard", name, out.shards.size());
      if (!take(file, out)) write(file, split, name, out);
      ++written_.shards;
      written_.bytes += static_cast<int64_t>(out.shards.back().size_bytes);
    }
    ready_.clear();
    written_.samples += split.size();
    return out;
  }

  const WrittenShards& written() const { return written_; }

 private:
  /// The order in which samples lie: those for training are mixed, so that a few shards hold all classes.
  static std::vector<int64_t> order_of(const std::string& split_name, int64_t size) {
    if (split_name == "train") {
      Rng rng(0, "shards");
      return permutation(size, rng);
    }
    std::vector<int64_t> out(static_cast<size_t>(size));
    std::iota(out.begin(), out.end(), int64_t{0});
    return out;
  }

  /// A shard whose samples are those that come next.
  void note(const std::string& name, const std::vector<SampleEntry>& samples, std::string sha256, uint64_t size_bytes,
            ShardSplitBuilder& out) {
    for (const SampleEntry& sample : samples) {
      const auto index = static_cast<size_t>(order_[done_++]);
      out.samples[index] = sample;
      out.shard_of[index] = static_cast<uint32_t>(out.shards.size());
    }
    out.shards.push_back({name, size_bytes, std::move(sha256)});
  }

  /// A shard that an earlier call wrote.
  bool take(const std::string& name, ShardSplitBuilder& out) {
    const fs::path path = folder_ / name;
    std::error_code ignored;
    if (!ready_.empty() || !fs::exists(path, ignored)) return false;
    const auto table = read_shard_table(path, key_);
    if (!table || table->first != done_ || table->samples.empty() || table->samples.size() > order_.size() - done_) {
      return false;
    }
    log_.show_progress(fmt::format("{} is there already", name));
    cancel_.check();
    note(name, table->samples, sha256_file(path), fs::file_size(path), out);
    ++written_.taken;
    return true;
  }

  void write(const std::string& name, const Dataset& split, const std::string& split_name, ShardSplitBuilder& out) {
    ShardWriter shard(folder_ / name, key_, done_);
    const auto most = static_cast<uint64_t>(options_.shard_bytes);
    for (size_t next = done_; next < order_.size() && (shard.samples().empty() || shard.size_bytes() < most); ++next) {
      if (ready_.empty()) prepare(split, next);
      shard.add(ready_.front());
      ready_.pop_front();
      cancel_.check();
      if (now_ns() - shown_ns_ > 500'000'000) {
        shown_ns_ = now_ns();
        log_.show_progress(fmt::format("packed {} of {} {} pictures into {}", next, order_.size(), split_name,
                                       counted(std::ssize(out.shards) + 1, "shard")));
      }
    }
    std::string sha256 = shard.finish();
    note(name, shard.samples(), std::move(sha256), shard.size_bytes(), out);
  }

  /// The bytes of the samples that come next, read in several threads.
  void prepare(const Dataset& split, size_t first) {
    constexpr size_t kAtOnce = 128;
    ready_.resize(std::min(kAtOnce, order_.size() - first));
    for_many(
        std::ssize(ready_), &cancel_,
        [&](int64_t i) {
          const int64_t index = order_[first + static_cast<size_t>(i)];
          ready_[static_cast<size_t>(i)] = options_.form == SampleForm::files
                                               ? read_file(split.file(index))
                                               : pixel_sample(split, index, options_.imgsz);
        },
        1);
  }

  fs::path folder_;
  ShardOptions options_;
  std::string key_;
  const LogSink& log_;
  const CancelToken& cancel_;
  std::vector<int64_t> order_;     ///< of the samples of the present split
  size_t done_ = 0;                ///< how many of them lie in shards
  std::deque<std::string> ready_;  ///< bytes of those that come next
  WrittenShards written_;
  int64_t shown_ns_ = now_ns();
};

/// Throws unless the folder is empty or holds an unfinished set alone.
void require_own(const fs::path& folder) {
  std::error_code ignored;
  if (fs::exists(folder / kShardIndexName, ignored)) {
    fail(ErrorKind::config, "[data.shards] expected a new folder, got one that holds a packed set ({})",
         folder.string());
  }
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    if (name == kLockName || name.find(".shard") != std::string::npos) continue;
    fail(ErrorKind::config, "[data.shards] expected a folder for shards alone, got one that holds {} ({})", name,
         folder.string());
  }
}

/// What a killed call left of files that were not whole.
void remove_parts(const fs::path& folder) {
  std::error_code ignored;
  std::vector<fs::path> parts;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.find(".shard") != std::string::npos && !name.ends_with(".shard")) parts.push_back(entry.path());
  }
  for (const fs::path& part : parts) fs::remove(part, ignored);
}

}  // namespace

WrittenShards write_shards(const Splits& splits, const fs::path& folder, const ShardOptions& options,
                           const LogSink& log, const CancelToken& cancel) {
  if (options.shard_bytes < 1) {
    fail(ErrorKind::config, "[data.shards] expected shards of a byte or more, got {}", options.shard_bytes);
  }
  std::vector<std::pair<std::string, const Dataset*>> sources{{"train", splits.train.get()}};
  if (!splits.same_images) sources.emplace_back("test", splits.test.get());
  if (splits.validation) sources.emplace_back("validation", splits.validation.get());
  for (const auto& [name, split] : sources) {
    if (split->size() == 0) fail(ErrorKind::config, "[data.shards] expected pictures, got none in {}", name);
    if (options.form == SampleForm::files && split->file(0).empty()) {
      fail(ErrorKind::config, "[data.shards] expected pictures in files of their own, got {}: pack their pixels",
           splits.name);
    }
  }
  require_own(folder);
  std::error_code code;
  fs::create_directories(folder, code);
  if (code) fail(ErrorKind::io, "[data.shards] cannot create {}: {}", folder.string(), code.message());
  FileLock lock(folder / kLockName);
  if (!lock.try_lock()) {
    fail(ErrorKind::config, "[data.shards] expected to pack alone, got process {} at work in {}", lock.holder(),
         folder.string());
  }
  remove_parts(folder);
  const bool as_they_are = options.form == SampleForm::files || options.imgsz <= 0;
  std::string key = fmt::format("{} {} {}", options.shard_bytes, options.form == SampleForm::files, options.imgsz);
  std::vector<std::string> digests;
  for (const auto& [name, split] : sources) {
    const std::string digest = split->digest();
    digests.push_back(as_they_are ? digest : sha256_hex(fmt::format("{} long side {}", digest, options.imgsz)));
    key += "\n" + name + " " + digest;
  }
  Packer packer(folder, options, sha256_hex(key), log, cancel);
  std::vector<ShardSplitBuilder> built;
  for (size_t i = 0; i < sources.size(); ++i) {
    built.push_back(packer.pack(*sources[i].second, sources[i].first, digests[i]));
  }
  write_shard_index(folder, splits, options.form, std::move(built));
  std::error_code ignored;
  fs::remove(folder / kLockName, ignored);
  return packer.written();
}

}  // namespace quench::data
