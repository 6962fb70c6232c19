#pragma once

#include "data/sets/dataset.h"

namespace quench::data {

/// These images, sorted. Throws Error{config} for none, one that is not in the data set, and one that is named twice.
Subset listed_subset(const Dataset& images, std::vector<int64_t> indices);

}  // namespace quench::data
