#pragma once

#include <cstdint>

#include "runtime/native/pack.h"

namespace quench::runtime::native {

/// How many steps of a kernel's products can be added in 16 bits whatever the inputs are, given the largest of these
/// weights; 0 where that does not pay, or the instruction set has no such sums. Weights of few bits, which are
/// small integers, run faster for it, and the bits of the result stay.
int64_t narrow_steps(const PackedU8& packed, const Kernels& kernels);

}  // namespace quench::runtime::native
