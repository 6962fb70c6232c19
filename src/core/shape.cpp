#include "core/shape.h"

#include <fmt/ranges.h>

#include "core/error.h"

namespace quench {

std::string to_string(const Shape& shape) { return fmt::format("[{}]", fmt::join(shape, ",")); }

int64_t element_count(const Shape& shape) {
  int64_t count = 1;
  for (int64_t dim : shape) {
    if (dim < 0 || __builtin_mul_overflow(count, dim, &count)) {
      fail(ErrorKind::data, "[core] expected dimensions that fit memory, got {}", to_string(shape));
    }
  }
  return count;
}

}  // namespace quench
