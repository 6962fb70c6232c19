#include "data/shards/shard_order.h"

#include <algorithm>
#include <map>

#include "data/sets/dataset.h"

namespace quench::data {

InShardsOf::InShardsOf(const Dataset* base) : base_(dynamic_cast<const InShards*>(base)) {}

std::optional<std::vector<int64_t>> shuffled_by_shards(const Dataset& dataset, const std::vector<int64_t>& indices,
                                                       Rng& rng) {
  const auto* in_shards = dynamic_cast<const InShards*>(&dataset);
  if (in_shards == nullptr || in_shards->window() <= 0) return std::nullopt;
  std::map<int64_t, std::vector<int64_t>> by_shard;
  for (const int64_t index : indices) by_shard[in_shards->shard_of(index)].push_back(index);
  std::vector<const std::vector<int64_t>*> shards;
  for (const auto& [number, samples] : by_shard) shards.push_back(&samples);
  const std::vector<int64_t> order = permutation(static_cast<int64_t>(shards.size()), rng);
  std::vector<int64_t> out;
  out.reserve(indices.size());
  const auto window = static_cast<size_t>(in_shards->window());
  for (size_t first = 0; first < order.size(); first += window) {
    std::vector<int64_t> group;
    for (size_t i = first; i < std::min(first + window, order.size()); ++i) {
      const std::vector<int64_t>& samples = *shards[static_cast<size_t>(order[i])];
      group.insert(group.end(), samples.begin(), samples.end());
    }
    for (const int64_t place : permutation(static_cast<int64_t>(group.size()), rng)) {
      out.push_back(group[static_cast<size_t>(place)]);
    }
  }
  return out;
}

}  // namespace quench::data
