#include "nn/kernels/table.h"

#include "core/error.h"

namespace quench::nn::kernels {

const char* to_string(Isa isa) {
  switch (isa) {
    case Isa::baseline: return "baseline";
    case Isa::avx2: return "avx2";
    case Isa::avx512: return "avx512";
    case Isa::avx512_bf16: return "avx512_bf16";
  }
  return "?";
}

bool supported(Isa isa) {
#if defined(QUENCH_X86_KERNELS)
  if (isa == Isa::avx2) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (isa == Isa::avx512_bf16) return supported(Isa::avx512) && __builtin_cpu_supports("avx512bf16");
  if (isa == Isa::avx512) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw");
  }
#endif
  return isa == Isa::baseline;
}

Isa best_isa() {
  for (const Isa isa : {Isa::avx512_bf16, Isa::avx512}) {
    if (supported(isa)) return isa;
  }
  return supported(Isa::avx2) ? Isa::avx2 : Isa::baseline;
}

const Table& table(Isa isa) {
  if (!supported(isa)) fail(ErrorKind::unsupported, "[nn.kernels] {} cannot run here", to_string(isa));
#if defined(QUENCH_X86_KERNELS)
  if (isa == Isa::avx2) return detail::kAvx2Table;
  if (isa == Isa::avx512) return detail::kAvx512Table;
  if (isa == Isa::avx512_bf16) return detail::kAvx512Bf16Table;
#endif
  return detail::kBaselineTable;
}

}  // namespace quench::nn::kernels
