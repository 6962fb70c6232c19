#include "data/shards/verify_shards.h"

#include <span>
#include <utility>

#include "core/clock.h"
#include "core/error.h"
#include "core/file.h"
#include "core/hash.h"
#include "data/shards/shard_index.h"

namespace quench::data {
namespace {

namespace fs = std::filesystem;

/// SHA-256 of a file, with a look at the token between blocks.
std::string sha256_of(const fs::path& path, const CancelToken& cancel) {
  constexpr int64_t kBlock = 4 << 20;
  const InputFile file(path);
  Sha256 hash;
  std::string block;
  for (int64_t offset = 0; offset < file.size(); offset += kBlock) {
    cancel.check();
    block.resize(static_cast<size_t>(std::min(kBlock, file.size() - offset)));
    if (!file.read(offset, std::as_writable_bytes(std::span(block)))) return "";
    hash.update(block);
  }
  return hash.hex();
}

/// Names of the samples of a shard whose bytes are not what they were.
std::vector<std::string> wrong_samples(const fs::path& path, const ShardSplit& split, size_t shard,
                                       const CancelToken& cancel) {
  std::vector<std::string> out;
  const ShardReader reader(path, false);
  for (size_t i = 0; i < split.samples.size(); ++i) {
    if (split.shard_of[i] != shard) continue;
    cancel.check();
    const std::string name = split.pictures.path(static_cast<int64_t>(i)).string();
    try {
      reader.read(split.samples[i], name);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::data) throw;
      out.push_back(name);
    }
  }
  return out;
}

}  // namespace

VerifiedShards verify_shards(const fs::path& folder, const LogSink& log, const CancelToken& cancel) {
  const ShardIndex index = read_shard_index(folder);
  VerifiedShards out;
  size_t all = 0;
  for (const ShardSplit& split : index.splits) all += split.shards.size();
  int64_t shown_ns = now_ns();
  for (const ShardSplit& split : index.splits) {
    out.samples += split.pictures.size();
    for (size_t i = 0; i < split.shards.size(); ++i) {
      const ShardFacts& shard = split.shards[i];
      const fs::path path = folder / shard.name;
      ++out.shards;
      std::error_code code;
      const uintmax_t size = fs::file_size(path, code);
      if (code) {
        out.faults.push_back({shard.name, "missing: " + code.message(), {}});
        continue;
      }
      out.bytes += static_cast<int64_t>(size);
      if (size == shard.size_bytes && sha256_of(path, cancel) == shard.sha256) {
        if (now_ns() - shown_ns > 500'000'000) {
          shown_ns = now_ns();
          log.show_progress(fmt::format("verified {} of {} shards", out.shards, all));
        }
        continue;
      }
      std::vector<std::string> samples = wrong_samples(path, split, i, cancel);
      std::string problem = size == shard.size_bytes ? "its SHA-256 is another than when it was written"
                                                     : fmt::format("{} bytes, not {}", size, shard.size_bytes);
      out.faults.push_back({shard.name, std::move(problem), std::move(samples)});
    }
  }
  return out;
}

}  // namespace quench::data
