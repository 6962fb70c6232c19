#include "graph/op_traits.h"

#include <iterator>

#include "core/error.h"

namespace quench::graph {
namespace {

constexpr WeightRole kAffine[] = {{"weight", true, true}, {"bias", false, true}};
constexpr WeightRole kBatchNorm[] = {
    {"weight", true, true}, {"bias", true, true}, {"running_mean", true, false}, {"running_var", true, false}};

template <typename T, typename... Ts>
constexpr size_t index_in(const std::variant<Ts...>*) {
  size_t index = 0;
  bool found = false;
  ((found = found || std::is_same_v<T, Ts>, index += found ? 0 : 1), ...);
  return index;
}

/// Index of an alternative of Attributes.
template <typename T>
constexpr size_t index_of() {
  return index_in<T>(static_cast<const Attributes*>(nullptr));
}

// clang-format off
constexpr OpTraits kTable[] = {
    {.op = Op::conv, .weights = kAffine, .channels = Channels::mixed, .attributes = index_of<ConvAttributes>(),
     .layer = true, .takes_activation = true, .own_pass = true},
    {.op = Op::batch_norm, .weights = kBatchNorm, .attributes = index_of<BatchNormAttributes>()},
    {.op = Op::silu, .pointwise = true},
    {.op = Op::relu, .pointwise = true},
    {.op = Op::sigmoid, .pointwise = true, .unit_range = true},
    {.op = Op::add, .takes_activation = true, .own_pass = true},
    {.op = Op::mul},
    {.op = Op::concat, .channels = Channels::joined, .moves_values = true},
    {.op = Op::max_pool, .attributes = index_of<PoolAttributes>(), .moves_values = true, .own_pass = true},
    {.op = Op::upsample, .attributes = index_of<UpsampleAttributes>(), .moves_values = true, .own_pass = true},
    {.op = Op::split, .channels = Channels::divided, .attributes = index_of<SplitAttributes>(), .moves_values = true},
    {.op = Op::global_avg_pool, .own_pass = true},
    {.op = Op::flatten, .moves_values = true},
    {.op = Op::linear, .weights = kAffine, .channels = Channels::mixed, .layer = true, .takes_activation = true,
     .own_pass = true},
};
// clang-format on

}  // namespace

std::span<const OpTraits> op_table() { return kTable; }

const OpTraits& traits(Op op) {
  const auto index = static_cast<size_t>(op);
  if (index < std::size(kTable) && kTable[index].op == op) return kTable[index];
  fail(ErrorKind::internal, "[graph.op_traits] operation {} has no row", to_string(op));
}

}  // namespace quench::graph
