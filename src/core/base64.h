#pragma once

#include <string>
#include <string_view>

namespace quench {

/// Bytes as text (RFC 4648, section 4, padded), for data in a page.
std::string base64(std::string_view bytes);

}  // namespace quench
