// For processors that have the instructions of AVX-VNNI as a part of AVX-512 alone: the same kernels, so that they can
// be tried and checked there.
#include "runtime/native/kernels_avx_vnni.inc"

namespace quench::runtime::native {

extern const Kernels kAvxVnniEvexKernels = make_kernels(Isa::avx_vnni);

}  // namespace quench::runtime::native
