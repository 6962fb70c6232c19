#pragma once

#include <filesystem>
#include <string>

#include "core/cancel.h"
#include "core/log.h"
#include "sources/sources.h"

namespace quench::fetch {

/// Where files are taken from.
struct Options {
  /// A mirror in place of the published addresses, which has all files in one folder: an address (http, https, file) or
  /// a folder. Empty: the published addresses.
  std::string from;
  LogSink log;
  const CancelToken* cancel = nullptr;
};

/// Brings `file` to `target`, on from what an earlier try left in `target`.part, and checks it (fetch/checksum.h).
/// Nothing is deleted: what has another checksum is renamed, and log says to what; so is a `target` that is replaced.
/// A `target` that is as it should be is left. Where no checksum is known, log says so; keep_checksum is the caller's.
/// Throws Error{io} where the network, the server or the system fails, with the address and what to do by hand;
/// Error{data} for another checksum; Error{config} for a `from` that is none; Error{cancelled}.
void obtain(const sources::File& file, const std::filesystem::path& target, const Options& options);

/// Gives a file another name beside it that is free (`a.part` becomes `a.part.wrong`, `a.part.wrong-2`), and returns
/// it. Throws Error{io}.
std::filesystem::path put_aside(const std::filesystem::path& file);

}  // namespace quench::fetch
