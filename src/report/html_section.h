#pragma once

#include <string>

#include "report/compare.h"
#include "report/differences.h"

namespace quench::report {

/// HTML of one section of the page: best rows, charts (their data as JSON in a script element), table, and the rows
/// without a result. `index` makes its ids unique; without `with_charts` the charts are left out.
std::string section_html(const Section& section, size_t index, bool with_charts, const Kept& kept);

/// JSON that may stand in a script element: no '<', '>' or '&' in it.
std::string script_json(const Json& json);

}  // namespace quench::report
