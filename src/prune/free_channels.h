#pragma once

#include "prune/selection.h"

namespace quench::prune {

/// Gives back channels that cost nothing: takes the groups in the order of the best score that each has lost, and
/// widens each as far as the budget's cost stays what it is (it does not rise where a group loses channels), by its
/// best scored channels. Latency is such a cost: an engine computes channels in blocks.
Keep with_free_channels(const std::vector<ChannelGroup>& groups, const Scores& scores, const Budget& budget,
                        const Limits& limits, Keep keep);

}  // namespace quench::prune
