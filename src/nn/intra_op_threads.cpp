#include "nn/intra_op_threads.h"

#include <ATen/Parallel.h>

#include <algorithm>

namespace quench::nn {

IntraOpThreads::IntraOpThreads(int threads) : before_(at::get_num_threads()) { at::set_num_threads(threads); }

IntraOpThreads::~IntraOpThreads() { at::set_num_threads(before_); }

int intra_op_threads() { return at::get_num_threads(); }

int several_threads() { return std::max(2, intra_op_threads()); }

}  // namespace quench::nn
