#pragma once

#include <string>
#include <utility>
#include <vector>

#include "figures/figure.h"

namespace quench::figures {

/// Colours that a page has names for, and what its style calls them: {{26,32,44}, "var(--ink)"}.
using ColorNames = std::vector<std::pair<Color, std::string>>;

/// A figure as SVG, without Cairo: texts stay texts, in the reader's sans-serif font. Empty `names`: a file of its own,
/// on white paper. Otherwise an element for an HTML page, whose named colours follow the page's (light and dark), and
/// whose notes show where they are pointed at.
std::string svg(const Figure& figure, const ColorNames& names = {});

/// About how wide a text is in a sans-serif font, in points: where no font is at hand.
double estimated_width(const std::string& text, double size);

}  // namespace quench::figures
