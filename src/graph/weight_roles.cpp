#include "graph/weight_roles.h"

namespace quench::graph {

std::span<const WeightRole> weight_roles(Op op) {
  static constexpr WeightRole kAffine[] = {{"weight", true}, {"bias", false}};
  static constexpr WeightRole kBatchNorm[] = {
      {"weight", true}, {"bias", true}, {"running_mean", true}, {"running_var", true}};
  switch (op) {
    case Op::conv:
    case Op::linear: return kAffine;
    case Op::batch_norm: return kBatchNorm;
    default: return {};
  }
}

bool can_fuse_activation(Op op) { return op == Op::conv || op == Op::linear || op == Op::add; }

}  // namespace quench::graph
