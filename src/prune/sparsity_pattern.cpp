#include "prune/sparsity_pattern.h"

#include <charconv>

#include "core/error.h"

namespace quench::prune {
namespace {

constexpr int64_t kLargestGroup = 64;

/// A whole number in decimal digits alone; -1 for another text.
int64_t digits_of(std::string_view text) {
  int64_t value = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && !text.starts_with('-') ? value : -1;
}

}  // namespace

SparsityPattern parse_sparsity_pattern(std::string_view text) {
  if (text == "unstructured") return {SparsityPattern::Kind::unstructured};
  if (text == "kernel") return {SparsityPattern::Kind::kernel};
  if (const size_t by = text.find('x'); by != std::string_view::npos) {
    const int64_t outputs = digits_of(text.substr(0, by)), inputs = digits_of(text.substr(by + 1));
    if (outputs < 1 || inputs < 1 || outputs > kLargestGroup || inputs > kLargestGroup) {
      fail(ErrorKind::config,
           "[sparsify] expected a pattern of 1 to {} output by 1 to {} input channels (16x4), got '{}'", kLargestGroup,
           kLargestGroup, text);
    }
    return {SparsityPattern::Kind::block, outputs, inputs};
  }
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos) {
    fail(ErrorKind::config, "[sparsify] expected pattern unstructured, kernel, a block (16x4) or N:M (2:4), got '{}'",
         text);
  }
  const int64_t n = digits_of(text.substr(0, colon)), m = digits_of(text.substr(colon + 1));
  if (n < 1 || m < 2 || n >= m || m > kLargestGroup) {
    fail(ErrorKind::config, "[sparsify] expected pattern N:M with 1 <= N < M <= {} (2:4: two of four stay), got '{}'",
         kLargestGroup, text);
  }
  return {SparsityPattern::Kind::n_of_m, n, m};
}

std::string to_string(const SparsityPattern& pattern) {
  switch (pattern.kind) {
    case SparsityPattern::Kind::unstructured: return "unstructured";
    case SparsityPattern::Kind::kernel: return "kernel";
    case SparsityPattern::Kind::block: return fmt::format("{}x{}", pattern.n, pattern.m);
    case SparsityPattern::Kind::n_of_m: break;
  }
  return fmt::format("{}:{}", pattern.n, pattern.m);
}

}  // namespace quench::prune
