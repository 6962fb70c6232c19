#pragma once

#include <string>
#include <vector>

#include "report/layer_page.h"
#include "why/findings.h"

namespace quench::why {

/// A row a layer, the first row the head, for people; columns of what was not measured are left out.
std::vector<std::vector<std::string>> rows_of(const Findings& findings);

/// What is said of the whole model: times, error, what cannot be known.
std::vector<std::string> facts_of(const Findings& findings);

/// The ranked causes, one a line, each with its command on the line behind it where it has one.
std::vector<std::string> advice_lines(const Findings& findings);

/// All of it as a page with plots by layer.
report::LayerPage page_of(const Findings& findings);

}  // namespace quench::why
