#pragma once

#include <string>
#include <vector>

#include "metrics/confusion.h"
#include "report/figure_page.h"

namespace quench::evaluation {

/// The confusion matrix drawn (of many classes: those that are confused most first), the most frequent confusions, and
/// both as tables.
report::PagePart confusion_part(const metrics::Confusion& confusion, const std::vector<std::string>& classes,
                                const std::string& note);

}  // namespace quench::evaluation
