#pragma once

#include <string>
#include <vector>

#include "record/record.h"

namespace quench::report {

/// What was chosen for these rows, and on which images, as their records tell: the epoch of trainings (`chosen_on`),
/// ranges, roundings and bits of quantization, channels and weights that were cut. A sentence each; none where the
/// records do not tell.
std::vector<std::string> choice_notes(const std::vector<record::Record>& rows);

}  // namespace quench::report
