#include "prune/block_order.h"

#include <algorithm>

namespace quench::prune {

BlockOrder::BlockOrder(int64_t outputs, int64_t inputs, int64_t places, int64_t groups,
                       const SparsityPattern& pattern) {
  const int64_t group_outputs = outputs / groups;
  from_.reserve(static_cast<size_t>(outputs * inputs * places));
  for (int64_t group = 0; group < outputs; group += group_outputs) {
    for (int64_t o = group; o < group + group_outputs; o += pattern.n) {
      const int64_t o_end = std::min(o + pattern.n, group + group_outputs);
      for (int64_t i = 0; i < inputs; i += pattern.m) {
        const int64_t i_end = std::min(i + pattern.m, inputs);
        for (int64_t place = 0; place < places; ++place) {
          sizes_.push_back(static_cast<int32_t>((o_end - o) * (i_end - i)));
          for (int64_t a = o; a < o_end; ++a) {
            for (int64_t b = i; b < i_end; ++b) from_.push_back((a * inputs + b) * places + place);
          }
        }
      }
    }
  }
}

std::vector<float> BlockOrder::in_blocks(std::span<const float> weights) const {
  std::vector<float> blocks;
  blocks.reserve(from_.size());
  for (const int64_t at : from_) blocks.push_back(weights[static_cast<size_t>(at)]);
  return blocks;
}

void BlockOrder::restore(std::span<const float> in_blocks, std::span<float> weights) const {
  for (size_t i = 0; i < from_.size(); ++i) weights[static_cast<size_t>(from_[i])] = in_blocks[i];
}

}  // namespace quench::prune
