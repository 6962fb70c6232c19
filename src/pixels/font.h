#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace quench::pixels {

inline constexpr int kGlyphWidth = 5;
inline constexpr int kGlyphHeight = 7;

/// The dots of a character of printable ASCII (else of '?'): five columns from the left, the lowest bit at the top.
const std::array<uint8_t, kGlyphWidth>& glyph(char character);

}  // namespace quench::pixels
