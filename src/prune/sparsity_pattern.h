#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace quench::prune {

/// Which weights of a layer become zero together.
struct SparsityPattern {
  enum class Kind {
    unstructured,  ///< each by itself
    kernel,        ///< the k x k weights of one input and one output channel
    n_of_m,        ///< at most `n` of `m` neighbours along the input channels stay
    block          ///< `n` output channels by `m` input channels at one place of the kernel
  };
  Kind kind = Kind::unstructured;
  int64_t n = 0;
  int64_t m = 0;
  bool operator==(const SparsityPattern&) const = default;
};

/// "unstructured", "kernel", N:M ("2:4": two of four stay) with 1 <= N < M <= 64, or a block of output by input
/// channels
/// ("16x4"), each in [1,64].
/// Throws Error{config} for another text.
SparsityPattern parse_sparsity_pattern(std::string_view text);

std::string to_string(const SparsityPattern& pattern);

}  // namespace quench::prune
