#pragma once

#include <string>
#include <vector>

#include "record/record.h"

namespace quench::report {

/// BibTeX of the papers behind the models, data and methods of the records that are ok, by their steps and settings:
/// each paper once, by its key.
std::string bibtex(const std::vector<record::Record>& records);

}  // namespace quench::report
