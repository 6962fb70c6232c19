#pragma once

#include <string_view>

namespace quench::config {

/// Whether scales of weights are chosen together with such levels (kmeans, binary), whatever `weight_scales` says, so
/// that training keeps them.
inline bool levels_choose_scales(std::string_view levels) { return levels == "kmeans" || levels == "binary"; }

}  // namespace quench::config
