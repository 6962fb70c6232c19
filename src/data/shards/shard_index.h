#pragma once

#include <memory>
#include <string>
#include <vector>

#include "data/index/picture_index.h"
#include "data/shards/shard_file.h"
#include "data/shards/write_shards.h"

namespace quench::data {

inline constexpr const char* kShardIndexName = "shards.quench";

/// A shard as the index knows it.
struct ShardFacts {
  std::string name;  ///< "train-00000.shard"
  uint64_t size_bytes = 0;
  std::string sha256;
};

/// A split of a packed set.
struct ShardSplit {
  std::string digest;
  PictureIndex pictures;
  std::span<const SampleEntry> samples;
  std::span<const uint32_t> shard_of;  ///< number of the shard that each sample lies in
  std::vector<ShardFacts> shards;
};

/// A packed set, without its samples.
struct ShardIndex {
  std::string name;
  SampleForm form = SampleForm::files;
  bool same_images = false;
  std::vector<std::string> notes;
  std::vector<ShardSplit> splits;  ///< train; test unless same_images; validation where there is one
  bool has_validation = false;
  std::shared_ptr<const void> bytes;  ///< which all of these lie in
};

/// Reads the index of a packed set, which is mapped and not read into memory. Throws Error{io} where there is none,
/// Error{data} where it is damaged or another version's.
ShardIndex read_shard_index(const std::filesystem::path& folder);

/// What is known of a split that is being written.
struct ShardSplitBuilder {
  std::string digest;
  IndexBuilder pictures;
  std::vector<SampleEntry> samples;  ///< by their numbers in the split, as shard_of
  std::vector<uint32_t> shard_of;
  std::vector<ShardFacts> shards;
};

/// Replaces the index of the folder as a whole. Throws Error{io}.
void write_shard_index(const std::filesystem::path& folder, const Splits& of, SampleForm form,
                       std::vector<ShardSplitBuilder> splits);

}  // namespace quench::data
