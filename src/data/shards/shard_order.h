#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/rng.h"

namespace quench::data {

class Dataset;

/// A data set, or a view of one, whose samples lie in shards.
class InShards {
 public:
  virtual ~InShards() = default;
  /// How many shards at a time training takes its samples from; 0: it takes them from everywhere.
  virtual int64_t window() const = 0;
  /// The number of the shard that a sample lies in.
  virtual int64_t shard_of(int64_t index) const = 0;
};

/// A view that lies in shards where what it looks at does.
class InShardsOf : public InShards {
 public:
  explicit InShardsOf(const Dataset* base);
  int64_t window() const override { return base_ ? base_->window() : 0; }
  int64_t shard_of(int64_t index) const override { return base_->shard_of(in_base_of_shards(index)); }

 protected:
  /// The base's number of a sample.
  virtual int64_t in_base_of_shards(int64_t index) const { return index; }

 private:
  const InShards* base_;
};

/// The samples of an epoch, as a data set whose shards are to be read one after another wants them: shards in a
/// shuffled order, the samples of each `window` of them shuffled together. A function of `indices` and the state of
/// rng. Nothing where the set has no such wish.
std::optional<std::vector<int64_t>> shuffled_by_shards(const Dataset& dataset, const std::vector<int64_t>& indices,
                                                       Rng& rng);

}  // namespace quench::data
