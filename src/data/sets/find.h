#pragma once

#include <filesystem>
#include <string>

#include "core/json.h"

namespace quench::data {

/// The folder of data sets that settings name (`data_root`), or `fallback`.
std::filesystem::path root_of(const Json& options, const std::filesystem::path& fallback);

/// A file that a setting names: as it is where it is there, else under `root` where it is there, else the released
/// weights of that name (yolov8n, yolov8n.pt) where they were fetched, else as it is.
std::filesystem::path find_file(const std::string& name, const std::filesystem::path& root);

}  // namespace quench::data
