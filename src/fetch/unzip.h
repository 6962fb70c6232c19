#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/cancel.h"
#include "core/log.h"

namespace quench::fetch {

/// Unpacks the regular files of a zip archive into `folder`, each written whole or not at all, their CRC-32 checked;
/// returns how many. entries: the begin of the names of those that are wanted; empty: all. What macOS adds
/// (`__MACOSX/`) is left out. Nothing is written outside `folder`, and no link: before anything is written, all names
/// are looked at. Throws Error{data} for a name that leaves the folder (absolute, "..", with a backslash), a link, an
/// encrypted entry, a name that stands twice, more than 1,000,000 entries, entries that together claim more than 200
/// times the archive's bytes and 64 MiB, an entry that is longer than it claims, and a damaged archive; Error{io} where
/// the system refuses; Error{cancelled}.
int64_t unzip(const std::filesystem::path& archive, const std::filesystem::path& folder,
              const std::vector<std::string>& entries, const LogSink& log, const CancelToken* cancel = nullptr);

}  // namespace quench::fetch
