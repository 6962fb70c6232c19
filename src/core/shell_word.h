#pragma once

#include <string>

namespace quench {

/// A word for a shell: in quotes where it has other characters than letters, digits and `./_-=:,`.
std::string shell_word(const std::string& text);

}  // namespace quench
