#pragma once

#include <filesystem>

#include "core/cancel.h"
#include "core/log.h"
#include "data/sets/dataset.h"

namespace quench::data {

/// What a sample of a shard is.
enum class SampleForm {
  files,   ///< the picture's file, byte for byte
  pixels,  ///< height and width (uint32), then [h,w,3] uint8 RGB
};

struct ShardOptions {
  int64_t shard_bytes = int64_t{256} << 20;  ///< a shard ends with the sample that reaches this
  SampleForm form = SampleForm::files;
  /// pixels: pictures whose long side is longer are resized to it, with their boxes; 0: none.
  int imgsz = 0;
};

struct WrittenShards {
  int64_t samples = 0, shards = 0, bytes = 0;
  int64_t taken = 0;  ///< shards that an earlier, stopped call had written
};

/// Writes a data set into a folder as few large files that are read by open_shards(): `train-00000.shard`, ..., and, at
/// last, `shards.quench`, without which the folder is no set. Each file is there as a whole or not at all. Where it is
/// stopped or fails (a full disk), the shards that are whole stay, and the same call goes on behind them.
///
/// The set's digests are those of `splits` where samples are what their files hold, so that what was trained on the
/// files is known to be of the shards; else they are made of them and `imgsz`. Pictures that do not decode are errors
/// when they are read, as from their files.
///
/// Throws Error{config} where the folder holds anything else or another packed set, or where `files` are wanted of
/// pictures that are in none; Error{io}, Error{cancelled}.
WrittenShards write_shards(const Splits& splits, const std::filesystem::path& folder, const ShardOptions& options,
                           const LogSink& log, const CancelToken& cancel);

}  // namespace quench::data
