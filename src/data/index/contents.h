#pragma once

#include <functional>
#include <string>

#include "data/index/set_memory.h"

namespace quench::data {

/// Calls use(i, SHA-256 of the file path(i) in hex digits) for 0..count-1, in order. Files are read in several threads,
/// and once: of small sets FileDigests remembers them, of large ones a table beside the set's index (48 bytes a file;
/// key: which), by the files' stamps. Each file is looked at at each call, so that one that changed is read again.
/// Where it is stopped, what was read so far is remembered. Throws Error{io}, Error{cancelled}.
void use_contents(int64_t count, const std::function<std::filesystem::path(int64_t)>& path, SetMemory& memory,
                  const std::string& key, const std::function<void(int64_t, const std::string&)>& use);

}  // namespace quench::data
