#pragma once

#include <fmt/format.h>

#include <string>

#include "core/escape_html.h"
#include "report/format.h"

namespace quench::report {

/// An element of HTML with a text, which is escaped; `attributes` as they are written: `class="number"`.
inline std::string element(const char* name, const std::string& attributes, const std::string& text) {
  return fmt::format("<{0}{1}{2}>{3}</{0}>", name, attributes.empty() ? "" : " ", attributes, escape_html(text));
}

}  // namespace quench::report
