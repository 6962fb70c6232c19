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
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos) {
    fail(ErrorKind::config, "[sparsify] expected pattern unstructured, kernel or N:M (2:4), got '{}'", text);
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
    case SparsityPattern::Kind::n_of_m: break;
  }
  return fmt::format("{}:{}", pattern.n, pattern.m);
}

}  // namespace quench::prune
