#pragma once

#include <filesystem>

#include "fetch/obtain.h"

namespace quench::fetch {

/// Fetches a model's weights or a data set below `root`, and returns its folder. The licence is said before anything is
/// downloaded. Archives (zip, tar.gz) are unpacked and then removed. Does nothing where all is there; weights that are
/// there are checked, and a warning says where they are others than those published.
/// Throws obtain()'s errors, those of unpacking, and Error{data} where the files do not hold what they should.
std::filesystem::path fetch(const sources::Source& source, const std::filesystem::path& root, const Options& options);

/// The entry of that name and kind. Throws Error{config} where there is none: the nearest, or the command of the other
/// kind.
const sources::Source& require_source(const std::string& name, sources::Kind kind);

}  // namespace quench::fetch
