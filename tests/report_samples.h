#pragma once

#include <vector>

#include "record/record.h"

namespace quench::report {

/// Ten plausible records of a study: two models in fp32, ptq and qat on two runtimes, one that failed.
std::vector<record::Record> sample_records();

}  // namespace quench::report
