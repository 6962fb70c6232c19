#include "quant/activate.h"

#include <ATen/ATen.h>

#include "core/error.h"

namespace quench::quant {

torch::Tensor activate(const torch::Tensor& values, graph::Activation activation) {
  switch (activation) {
    case graph::Activation::none: return values;
    case graph::Activation::silu: return at::silu(values);
    case graph::Activation::relu: return at::relu(values);
  }
  fail(ErrorKind::internal, "[quant.activate] unknown activation {}", static_cast<int>(activation));
}

}  // namespace quench::quant
