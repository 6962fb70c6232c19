#pragma once

#include "data/sets/dataset.h"

namespace quench::data {

/// A built-in data set, for `quench data list`.
struct CatalogEntry {
  std::string name;
  std::string description;
  std::string found;       ///< the folder that has it, "built in", or empty: missing
  std::string how_to_get;  ///< a command; empty where nothing is needed
};

/// Names that open() knows.
std::vector<std::string> built_in_names();

/// The built-in sets, and where below root (or in the system) each is. Looks only at whether files are there.
std::vector<CatalogEntry> catalog(const std::filesystem::path& root);

/// A PNG of the first `count` images (fewer where the set is smaller), `columns` a row, each with its class name below;
/// images smaller than 64 pixels are enlarged. Detection: each image whole, fitted into 320 pixels, with its boxes
/// (crowds dashed) and their class names. Throws Error{config} where count or columns is below 1.
std::string contact_sheet(const Dataset& dataset, int64_t count, int columns);

}  // namespace quench::data
