#pragma once

#include <string>
#include <vector>

#include "bits/sensitivity.h"
#include "report/layer_page.h"

namespace quench::bits {

/// The table as rows of texts, the first row its head, for people.
std::vector<std::vector<std::string>> rows_of(const Sensitivity& table);

/// And as a page with plots by layer.
report::LayerPage page_of(const Sensitivity& table);

}  // namespace quench::bits
