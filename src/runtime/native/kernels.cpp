#include "runtime/native/kernels.h"

#include "runtime/native/kernels_of.h"

namespace quench::runtime::native {

const Kernels* kernels_for(Isa isa) {
  switch (isa) {
    case Isa::plain: return &kPlainKernels;
#if defined(__x86_64__)
    case Isa::avx2: return &kAvx2Kernels;
    case Isa::avx_vnni: return __builtin_cpu_supports("avxvnni") ? &kAvxVnniKernels : &kAvxVnniEvexKernels;
    case Isa::avx512: return &kAvx512Kernels;
    case Isa::avx512_vnni: return &kAvx512VnniKernels;
#elif defined(__aarch64__)
    case Isa::neon: return &kNeonKernels;
    case Isa::neon_dot: return &kNeonDotKernels;
#endif
    default: return nullptr;
  }
}

}  // namespace quench::runtime::native
