#pragma once

#include <filesystem>
#include <string>

#include "data/sets/dataset.h"

namespace quench::data {

/// Whether the folder holds a packed set (write_shards()).
bool is_sharded(const std::filesystem::path& folder);

/// How a packed set is read in training: `shuffle=shards,window=8`.
struct ShardReading {
  /// all: each epoch is a shuffle of all samples. shards: the shards are shuffled, and the samples of `window` shards
  /// at a time: few large files are read in one run each.
  bool by_shards = false;
  int64_t window = 8;
};
/// Throws Error{config} for another key or value. text: what follows the folder's name and a colon.
ShardReading parse_shard_reading(const std::string& text);

/// Opens a packed set. Samples are read from their shards as they are asked for, each checked by its checksum, so that
/// any order is possible. digest(): that of the set that was packed, where samples are what its files hold; where
/// training goes by shards, the training split's is another, because results are. Throws Error{io} where the index or a
/// shard is missing, Error{data} where the index is damaged, another version's, or a shard is of another size.
Splits open_shards(const std::filesystem::path& folder, const ShardReading& reading = {});

}  // namespace quench::data
