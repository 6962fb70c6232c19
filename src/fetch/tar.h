#pragma once

#include <filesystem>
#include <vector>

#include "core/cancel.h"

namespace quench::fetch {

/// Unpacks the regular files of a tar.gz (POSIX ustar; GNU and pax headers of long names are refused) into `folder`,
/// each written whole or not at all. Returns their paths.
/// Throws Error{data} for a damaged archive, a name that leaves `folder` (absolute, "..") or a link; Error{io} where
/// the system refuses; Error{cancelled}.
std::vector<std::filesystem::path> unpack_tar_gz(const std::filesystem::path& archive,
                                                 const std::filesystem::path& folder,
                                                 const CancelToken* cancel = nullptr);

}  // namespace quench::fetch
