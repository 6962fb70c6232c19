#pragma once

#include <string>
#include <string_view>

namespace quench {

/// A message less the "[folder.part] " that it may begin with: for who puts another place before it.
std::string without_place(std::string_view message);

}  // namespace quench
