#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "data/index/set_memory.h"

namespace quench::data {

/// What lies below a folder.
struct Listing {
  std::vector<std::string> files;  ///< relative to it, in the order of their paths
  std::vector<Sign> folders;       ///< it and those below it, as they were just before each was read
};

/// The regular files below `folder`, links to folders followed; hidden ones are left out (is_hidden). Throws Error{io},
/// also for a link to a folder that it lies in.
Listing list_below(const std::filesystem::path& folder);

/// Whether one path comes before another, part by part, as std::filesystem::path orders them.
bool path_before(std::string_view a, std::string_view b);

}  // namespace quench::data
