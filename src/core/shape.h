#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace quench {

/// Dimensions of a tensor, outermost first. Empty: a scalar.
using Shape = std::vector<int64_t>;

/// "[64,3,3,3]".
std::string to_string(const Shape& shape);

/// Product of the dimensions; 1 for a scalar. Throws Error{data} on a negative dimension or overflow.
int64_t element_count(const Shape& shape);

}  // namespace quench
