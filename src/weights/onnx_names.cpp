#include "weights/onnx_names.h"

#include <charconv>
#include <map>

#include "core/utf8.h"

namespace quench::weights {
namespace {

constexpr int64_t kMostNames = 30'000;

/// A reader of numbers, texts and marks, one after the other.
class Literal {
 public:
  explicit Literal(std::string_view text) : rest_(text) { skip(); }

  bool take(char mark) {
    if (rest_.empty() || rest_.front() != mark) return false;
    rest_.remove_prefix(1);
    skip();
    return true;
  }
  bool ended() const { return rest_.empty(); }

  std::optional<int64_t> integer() {
    int64_t value = 0;
    const auto [end, code] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    if (code != std::errc()) return std::nullopt;
    rest_.remove_prefix(static_cast<size_t>(end - rest_.data()));
    skip();
    return value;
  }

  std::optional<std::string> text() {
    if (rest_.empty() || (rest_.front() != '\'' && rest_.front() != '"')) return std::nullopt;
    const char quote = rest_.front();
    std::string out;
    for (size_t i = 1; i < rest_.size(); ++i) {
      if (rest_[i] == quote) {
        rest_.remove_prefix(i + 1);
        skip();
        if (utf8_prefix(out) != out.size()) return std::nullopt;
        return out;
      }
      if (rest_[i] == '\\' && i + 1 < rest_.size()) ++i;  // \' and \\: other escapes are kept as their letter
      out += rest_[i];
    }
    return std::nullopt;
  }

 private:
  void skip() {
    while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\n' || rest_.front() == '\t')) {
      rest_.remove_prefix(1);
    }
  }

  std::string_view rest_;
};

}  // namespace

std::optional<std::vector<std::string>> names_of_literal(std::string_view text) {
  Literal literal(text);
  const bool numbered = literal.take('{');
  if (!numbered && !literal.take('[')) return std::nullopt;
  const char end = numbered ? '}' : ']';
  std::map<int64_t, std::string> names;
  while (!literal.take(end)) {
    int64_t number = static_cast<int64_t>(names.size());
    if (numbered) {
      const std::optional<int64_t> given = literal.integer();
      if (!given || !literal.take(':')) return std::nullopt;
      number = *given;
    }
    const std::optional<std::string> name = literal.text();
    if (!name || number < 0 || number >= kMostNames || !names.emplace(number, *name).second) return std::nullopt;
    if (literal.take(',')) continue;
    if (!literal.take(end)) return std::nullopt;
    break;
  }
  if (!literal.ended() || names.empty() || names.rbegin()->first != static_cast<int64_t>(names.size()) - 1) {
    return std::nullopt;
  }
  std::vector<std::string> out;
  for (auto& [number, name] : names) out.push_back(std::move(name));
  return out;
}

std::pair<int64_t, int64_t> size_of_literal(std::string_view text) {
  Literal literal(text);
  const bool list = literal.take('[') || literal.take('(');
  const std::optional<int64_t> height = literal.integer();
  if (!height) return {0, 0};
  if (!list) return {*height, *height};
  const std::optional<int64_t> width = literal.take(',') ? literal.integer() : height;
  return {*height, width.value_or(*height)};
}

}  // namespace quench::weights
