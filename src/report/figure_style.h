#pragma once

#include <array>

#include "figures/svg.h"

/// Colours of drawings that a page shows in its own (page.css), and those that tell curves apart.
namespace quench::report::style {

inline constexpr figures::Color kInk{26, 32, 44}, kSoft{90, 98, 112}, kGrid{228, 231, 236}, kPaper{255, 255, 255},
    kAccent{47, 95, 208}, kPale{205, 211, 220};

/// Okabe & Ito's colours, which stay apart under colour-blindness, and are seen on white and on black.
inline constexpr std::array<figures::Color, 8> kCurves{{{0, 114, 178},
                                                        {213, 94, 0},
                                                        {0, 158, 115},
                                                        {204, 121, 167},
                                                        {230, 159, 0},
                                                        {86, 180, 233},
                                                        {127, 127, 127},
                                                        {181, 164, 0}}};

/// What the page calls them.
inline figures::ColorNames page_colors() {
  return {{kInk, "var(--ink)"},     {kSoft, "var(--soft)"},     {kGrid, "var(--grid)"},
          {kPaper, "var(--paper)"}, {kAccent, "var(--accent)"}, {kPale, "var(--line)"}};
}

}  // namespace quench::report::style
