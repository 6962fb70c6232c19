#include "quant/level_sets.h"

#include <set>

#include "config/tables.h"
#include "core/error.h"

namespace quench::quant {
namespace {

/// Both signs of the sizes, ascending.
std::vector<int8_t> with_signs(const std::set<int>& sizes) {
  std::set<int> values;
  for (const int size : sizes) values.insert({size, -size});
  return {values.begin(), values.end()};
}

/// All sums of one number of each term.
std::set<int> sums_of(const std::vector<std::vector<int>>& terms) {
  std::set<int> sums{0};
  for (const std::vector<int>& term : terms) {
    std::set<int> next;
    for (const int sum : sums) {
      for (const int part : term) next.insert(sum + part);
    }
    sums = std::move(next);
  }
  return sums;
}

}  // namespace

std::vector<int8_t> powers_of_two(int bits) {
  ensure(bits == 3 || bits == 4, "[quant.level_sets] expected 3 or 4 bits, got {}", bits);
  std::set<int> sizes{0};
  for (int k = 0; k < (1 << (bits - 1)) - 1; ++k) sizes.insert(1 << k);
  return with_signs(sizes);
}

std::vector<int8_t> additive_powers_of_two(int bits) {
  switch (bits) {
    case 3: return with_signs(sums_of({{0, 1, 2, 4}}));
    case 4: return with_signs(sums_of({{0, 1, 4, 8}, {0, 2}}));
    case 5: return with_signs(sums_of({{0, 2, 8, 32}, {0, 1, 4, 16}}));
    case 6: return with_signs(sums_of({{0, 2, 16, 64}, {0, 1, 8, 32}, {0, 4}}));
    default: fail(ErrorKind::internal, "[quant.level_sets] expected 3 to 6 bits, got {}", bits);
  }
}

std::vector<int8_t> fixed_levels(std::string_view levels, int bits) {
  if (!config::has_levels(levels, bits)) return {};
  if (levels == "binary") return {-1, 1};
  if (levels == "pot") return powers_of_two(bits);
  if (levels == "apot") return additive_powers_of_two(bits);
  return {};
}

}  // namespace quench::quant
