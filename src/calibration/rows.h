#pragma once

#include <string>
#include <vector>

#include "calibration/findings.h"
#include "report/layer_page.h"

namespace quench::calibration {

/// For people, the first row the head: what was compared, best first; where nothing was, the pictures that are told of.
std::vector<std::vector<std::string>> rows_of(const Findings& findings);

/// What is said of all, of settings that change nothing, and of pictures.
std::vector<std::string> facts_of(const Findings& findings);

/// What to do, and the command; nothing where nothing was compared.
std::vector<std::string> advice_of(const Findings& findings);

/// All of it as a page with plots.
report::LayerPage page_of(const Findings& findings);

}  // namespace quench::calibration
