#include "core/json_text.h"

#include "core/printable.h"

namespace quench {

std::string json_text(const Json& value, int indent) {
  std::string text = value.dump(indent, ' ', false, Json::error_handler_t::replace);
  // Such characters stand in strings alone, so an escape may take their place. DEL is one byte.
  for (size_t at = text.find('\x7f'); at != std::string::npos; at = text.find('\x7f', at))
    text.replace(at, 1, "\\u007f");
  return printable(text);
}

}  // namespace quench
