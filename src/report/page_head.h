#pragma once

#include <string>

namespace quench::report {

/// From <!DOCTYPE html> to <body>: title, style, and a policy by which the browser fetches nothing.
std::string page_head(const std::string& title);

}  // namespace quench::report
