#include "nn/kernels/table.h"

#include "core/error.h"

namespace quench::nn::kernels {

const char* to_string(Isa isa) {
  switch (isa) {
    case Isa::baseline: return "baseline";
    case Isa::avx2: return "avx2";
    case Isa::avx512: return "avx512";
  }
  return "?";
}

bool supported(Isa isa) {
#if defined(QUENCH_X86_KERNELS)
  if (isa == Isa::avx2) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (isa == Isa::avx512) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw");
  }
#endif
  return isa == Isa::baseline;
}

Isa best_isa() {
  if (supported(Isa::avx512)) return Isa::avx512;
  return supported(Isa::avx2) ? Isa::avx2 : Isa::baseline;
}

const Table& table(Isa isa) {
  if (!supported(isa)) fail(ErrorKind::unsupported, "[nn.kernels] {} cannot run here", to_string(isa));
#if defined(QUENCH_X86_KERNELS)
  if (isa == Isa::avx2) return detail::kAvx2Table;
  if (isa == Isa::avx512) return detail::kAvx512Table;
#endif
  return detail::kBaselineTable;
}

}  // namespace quench::nn::kernels
