#define QUENCH_LANES 16
#include "nn/kernels/flat_loops.h"
#include "nn/kernels/norm_loops.h"

namespace quench::nn::kernels::detail {

const Table kAvx512Table{kNorm<float>,        kNorm<Bf16>,          &silu_forward, &silu_backward, &engine_silu,
                         &fake_quant_forward, &fake_quant_backward, &sgd,          &average};

}  // namespace quench::nn::kernels::detail
