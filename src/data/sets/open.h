#pragma once

#include "data/index/opening.h"
#include "data/sets/dataset.h"

namespace quench::data {

/// open() of dataset.h for who waits: it says how far it is, can be stopped, and says what is kept of a large set
/// (docs/data-at-size.md). Throws Error{cancelled} too.
Splits open(const std::string& name_or_path, const std::filesystem::path& root, Opening opening);

}  // namespace quench::data
