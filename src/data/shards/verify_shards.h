#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/cancel.h"
#include "core/log.h"

namespace quench::data {

/// What is wrong with a shard.
struct ShardFault {
  std::string shard;
  std::string problem;
  std::vector<std::string> samples;  ///< names of those whose bytes are wrong
};

struct VerifiedShards {
  int64_t shards = 0, samples = 0, bytes = 0;
  std::vector<ShardFault> faults;
};

/// Reads a packed set from end to end: each shard's SHA-256 is compared with the index's, and where it differs, each of
/// its samples with its checksum. Throws Error{io} where there is no index, Error{data} where it is damaged, and
/// Error{cancelled}; a missing or damaged shard is a fault, and no error.
VerifiedShards verify_shards(const std::filesystem::path& folder, const LogSink& log, const CancelToken& cancel);

}  // namespace quench::data
