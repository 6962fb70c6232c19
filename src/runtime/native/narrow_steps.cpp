#include "runtime/native/narrow_steps.h"

#include <algorithm>
#include <cstdlib>
#include <limits>

namespace quench::runtime::native {

int64_t narrow_steps(const PackedU8& packed, const Kernels& kernels) {
  if (kernels.narrow_step == 0) return 0;
  int64_t largest = 1;
  for (int64_t i = 0; i < packed.weights.size(); ++i) {
    largest = std::max<int64_t>(largest, std::abs(int{packed.weights.data()[i]}));
  }
  const int64_t steps = std::numeric_limits<int16_t>::max() / (kernels.narrow_step * largest);
  return steps < kernels.narrow_least ? 0 : steps;
}

}  // namespace quench::runtime::native
