#pragma once

#include <string>
#include <string_view>

namespace quench {

/// Text for content and quoted attributes of HTML and SVG: & < > " ' escaped, control characters dropped.
std::string escape_html(std::string_view text);

}  // namespace quench
