#pragma once

#include "data/sets/dataset.h"

namespace quench::data {

/// Pictures without labels, for what looks at pictures alone (calibration): those of a folder and the folders below it,
/// or of a .txt that lists them. Both splits are the same; task: what they are shown to be of, `classes` are empty and
/// nothing is annotated. Hashes of files are remembered in root/file_digests, as open() does. Throws Error{io} where
/// the source is missing, Error{data} where it has no picture.
Splits open_pictures(const std::filesystem::path& source, const std::string& task, const std::filesystem::path& root);

}  // namespace quench::data
