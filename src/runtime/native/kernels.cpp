#include "runtime/native/kernels.h"

#include "runtime/native/kernels_of.h"

namespace quench::runtime::native {

const Kernels* kernels_for(Isa isa) {
  switch (isa) {
    case Isa::plain: return &kPlainKernels;
#if defined(__x86_64__)
    case Isa::avx2: return &kAvx2Kernels;
    case Isa::avx512_vnni: return &kAvx512Kernels;
#elif defined(__aarch64__)
    case Isa::neon: return &kNeonKernels;
    case Isa::neon_dot: return &kNeonDotKernels;
#endif
    default: return nullptr;
  }
}

}  // namespace quench::runtime::native
