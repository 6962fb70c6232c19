#pragma once

#include "runtime/native/kernels.h"

/// Each instruction set's table, defined in its own file; kernels.cpp names those that this build holds.
namespace quench::runtime::native {

extern const Kernels kPlainKernels;
extern const Kernels kAvx2Kernels;
extern const Kernels kAvxVnniKernels;
extern const Kernels kAvxVnniEvexKernels;
extern const Kernels kAvx512Kernels;
extern const Kernels kAvx512VnniKernels;
extern const Kernels kNeonKernels;
extern const Kernels kNeonDotKernels;

}  // namespace quench::runtime::native
