#include "runtime/native/kernels_avx_vnni.inc"

namespace quench::runtime::native {

extern const Kernels kAvxVnniKernels = make_kernels(Isa::avx_vnni);

}  // namespace quench::runtime::native
