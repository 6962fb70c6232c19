#pragma once

#include "program/command.h"
#include "sources/sources.h"

namespace quench::cli {

/// Fetches each NAME of the invocation. settings: `from`. Throws what fetch::fetch does.
int fetch_source(const program::Invocation& invocation, const Json& settings, sources::Kind kind,
                 const std::filesystem::path& root, const program::Environment& environment);

}  // namespace quench::cli
