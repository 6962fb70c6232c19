#pragma once

#include <filesystem>
#include <string>

namespace quench {

/// What the environment says of where things are; library code does not read it.
struct Places {
  std::string search_path;               ///< folders of programs, as in $PATH
  std::filesystem::path cache_folder;    ///< for what takes long to make, such as engines; empty: nothing is kept
  std::filesystem::path program_folder;  ///< where the running program lies; agents for devices lie near it
};

}  // namespace quench
