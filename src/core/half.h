#pragma once

#include <cstdint>

namespace quench {

/// The value of IEEE 754 binary16 bits, which float holds exactly: subnormals, infinities and NaN too.
float float_from_half(uint16_t bits);

/// The value of bfloat16 bits, the upper half of a float.
float float_from_bfloat16(uint16_t bits);

}  // namespace quench
