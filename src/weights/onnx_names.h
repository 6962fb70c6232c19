#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace quench::weights {

/// Class names as Python prints them into metadata: `{0: 'person', 1: "it's"}` by number from 0, or a list. None where
/// the text is neither; nothing in it is run.
std::optional<std::vector<std::string>> names_of_literal(std::string_view text);

/// Height and width of metadata `imgsz`: `[640, 640]`, or one number for both. 0, 0 where it is neither.
std::pair<int64_t, int64_t> size_of_literal(std::string_view text);

}  // namespace quench::weights
