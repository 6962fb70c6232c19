#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace quench::data {

/// The file of a folder that describes its data as Ultralytics' data.yaml does: `data.yaml` or `data.yml` in any case,
/// else the one .yaml or .yml of which lines begin with `train:` or `val:` and with `names:` or `nc:`; an empty path
/// where there is none. notes: takes up which others are not used. Throws Error{config} where several could be meant.
std::filesystem::path description_of(const std::filesystem::path& folder, std::vector<std::string>& notes);

}  // namespace quench::data
