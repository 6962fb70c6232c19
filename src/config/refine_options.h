#pragma once

#include <string_view>

#include "core/json.h"

namespace quench::config {

/// Throws Error{config} naming `where` where settings of adaround_options say how blocks are learned, and no blocks
/// are.
void require_unit(const Json& settings, std::string_view where);

}  // namespace quench::config
