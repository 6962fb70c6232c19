#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace quench::config {

/// A whole number in a text of a list. Throws Error{config} naming `where` for another form, and for less than `least`.
int64_t count_in(const std::string& text, int64_t least, std::string_view where);

}  // namespace quench::config
