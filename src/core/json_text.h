#pragma once

#include <string>

#include "core/json.h"

namespace quench {

/// A value as JSON text, for files, other programs and terminals; never fails. Bytes that are no UTF-8 become U+FFFD.
/// Control characters beyond ASCII's and those that turn the direction of writing are written as \uXXXX, which is the
/// same JSON and does nothing to a terminal. indent: blanks a level, -1 for one line.
std::string json_text(const Json& value, int indent = -1);

}  // namespace quench
