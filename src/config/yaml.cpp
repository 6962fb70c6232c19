#include "config/yaml.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>

#include "core/error.h"
#include "core/file.h"
#include "core/text_encoding.h"
#include "core/utf8.h"

namespace quench::config {
namespace {

constexpr int kMaxDepth = 64;
constexpr int kMaxNodes = 100000;

template <typename T>
bool parse_number(const std::string& text, T& value) {
  const char* begin = text.data() + (text.starts_with('+') ? 1 : 0);
  const auto [end, code] = std::from_chars(begin, text.data() + text.size(), value);
  return code == std::errc() && end == text.data() + text.size();
}

class Converter {
 public:
  explicit Converter(std::string_view where) : where_(where) {}

  Json convert(const YAML::Node& node, int depth) {
    if (depth > kMaxDepth) reject(node, fmt::format("nesting of at most {}", kMaxDepth), "more");
    if (++nodes_ > kMaxNodes) reject(node, fmt::format("at most {} values", kMaxNodes), "more");
    switch (node.Type()) {
      case YAML::NodeType::Map: return map(node, depth);
      case YAML::NodeType::Sequence: {
        Json list = Json::array();
        for (const auto& item : node) list.push_back(convert(item, depth + 1));
        return list;
      }
      case YAML::NodeType::Scalar: return scalar(node);
      default: return nullptr;
    }
  }

 private:
  Json map(const YAML::Node& node, int depth) {
    Json out = Json::object();
    for (const auto& item : node) {
      if (!item.first.IsScalar()) reject(item.first, "a text as key", "another kind");
      const std::string key = item.first.Scalar();
      if (out.contains(key)) reject(item.first, "each key once", fmt::format("'{}' again", key));
      out[key] = convert(item.second, depth + 1);
    }
    return out;
  }

  static Json scalar(const YAML::Node& node) {
    const std::string& text = node.Scalar();
    if (node.Tag() == "!") return text;  // quoted
    if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL") return nullptr;
    if (text == "true" || text == "True" || text == "TRUE") return true;
    if (text == "false" || text == "False" || text == "FALSE") return false;
    int64_t integer = 0;
    if (parse_number(text, integer)) return integer;
    double number = 0;
    const bool numeric = text.find_first_of("0123456789") != std::string::npos;
    if (numeric && parse_number(text, number) && std::isfinite(number)) return number;
    return text;
  }

  [[noreturn]] void reject(const YAML::Node& node, const std::string& expected, const std::string& got) const {
    fail(ErrorKind::config, "{}:{}: expected {}, got {}", where_, node.Mark().line + 1, expected, got);
  }

  std::string_view where_;
  int nodes_ = 0;
};

}  // namespace

Json parse_yaml(std::string_view text, std::string_view where) {
  if (const size_t good = utf8_prefix(text); good < text.size()) {
    fail(ErrorKind::config, "{}:{}: expected text in UTF-8, got {}", where,
         1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(good), '\n'), not_utf8(text, where));
  }
  try {
    return Converter(where).convert(YAML::Load(std::string(text)), 0);
  } catch (const YAML::Exception& e) {
    fail(ErrorKind::config, "{}:{}: expected valid YAML, got: {}", where, e.mark.line + 1, e.msg);
  }
}

Json read_yaml(const std::filesystem::path& path) { return parse_yaml(decoded_text(read_file(path)), path.string()); }

}  // namespace quench::config
