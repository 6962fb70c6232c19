#pragma once

#include <string>

namespace quench::cli {

/// What `quench` alone prints: the commands by what people want to do, a line each, and how to begin.
std::string overview();

}  // namespace quench::cli
