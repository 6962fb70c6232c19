#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace quench {

/// The candidate with the least edit distance to `name`; empty where none is near (distance above half its length).
std::string nearest(std::string_view name, const std::vector<std::string>& candidates);

/// " (did you mean 'x'?)" or, where nothing is near, " (known: a, b, c)". For error messages.
std::string suggestion(std::string_view name, const std::vector<std::string>& candidates);

/// Parts between separators; "a,b" gives {"a","b"}; "" gives {}.
std::vector<std::string> split_text(std::string_view text, char separator);

/// "1 image", "2 images".
std::string counted(int64_t count, std::string_view one, std::string_view many);
/// The same where more than one only adds an s.
std::string counted(int64_t count, std::string_view one);

/// Lower-case ASCII.
std::string lower(std::string_view text);

}  // namespace quench
