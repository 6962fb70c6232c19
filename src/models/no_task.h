#pragma once

#include <string_view>

namespace quench::models {

/// What metadata `task` says of a network of another tool whose outputs mean nothing that quench knows: it has no
/// scores, and any pictures fit it.
inline constexpr std::string_view kNoTask = "none";

}  // namespace quench::models
