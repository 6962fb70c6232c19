#pragma once

#include <string>
#include <vector>

#include "graph/graph.h"
#include "prune/channel_groups.h"

namespace quench::prune {

/// A drawing (SVG) of which layers' channels are cut together: a line for each node that meets channels, from the
/// input down, and a lane for each group, from the first of its nodes to the last. A filled disc makes the channels, a
/// ring reads them, a dash passes them on. Lanes of groups that are kept are grey; their titles (shown where the mouse
/// rests) say why. Names are escaped.
std::string group_drawing(const graph::Graph& graph, const std::vector<ChannelGroup>& groups);

}  // namespace quench::prune
