#pragma once

#include <filesystem>

#include "core/json.h"
#include "program/command.h"

namespace quench::cli {

/// Where `export` writes: its -o, or what follows MODEL. Throws Error{config} where neither or both are given.
std::filesystem::path export_output(const Json& options, const program::Invocation& invocation);

}  // namespace quench::cli
