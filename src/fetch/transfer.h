#pragma once

#include <filesystem>
#include <string>

#include "core/cancel.h"
#include "core/log.h"

namespace quench::fetch {

/// What became of a try to bring a file here.
enum class Transferred {
  whole,    ///< the part is all that the server has
  refused,  ///< the server says that what the part holds is no beginning of the file
  failed,   ///< the network or the server failed; the part holds what came
};

/// Appends to `part` what is missing of the file at `address` (http, https), from where it ends (Range). What the part
/// holds is only continued where the file is still the same (If-Range, by the ETag or the date kept in `part`.etag);
/// else, and from a server without ranges, it begins anew. reason: of a failure, in a few words with the host's name.
/// Redirects are followed, from https to https alone. Throws Error{io} where the part cannot be written,
/// Error{cancelled}. A build without libcurl fails with that as reason.
Transferred transfer(const std::string& address, const std::filesystem::path& part, const LogSink& log,
                     const CancelToken* cancel, std::string& reason);

/// The file that holds what tells the version of the file that `part` is the beginning of.
std::filesystem::path version_file(const std::filesystem::path& part);

}  // namespace quench::fetch
