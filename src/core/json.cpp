#include "core/json.h"

#include <algorithm>
#include <vector>

#include "core/error.h"
#include "core/file.h"

namespace quench {
namespace {

constexpr int kDeepest = 256;  // what reads, copies, compares or prints a value calls itself for each level

/// Whether lists and objects lie in one another deeper than kDeepest. The text need not be valid.
bool is_too_deep(std::string_view text) {
  int depth = 0;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      quoted = c != '"';
    } else if (c == '"') {
      quoted = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kDeepest) return true;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return false;
}

}  // namespace

void fail_json(const char* condition) {
  fail(ErrorKind::internal, "[json] expected a value that is there, got none (`{}` does not hold)", condition);
}

Json parse_json(std::string_view text, std::string_view where) {
  if (is_too_deep(text)) {
    fail(ErrorKind::data, "[json] {}: expected lists and objects at most {} deep in one another, got more", where,
         kDeepest);
  }
  try {
    return Json::parse(text);
  } catch (const Json::parse_error& e) {
    fail(ErrorKind::data, "[json] {}: expected valid JSON, got an error at byte {}", where, e.byte);
  } catch (const Json::out_of_range&) {
    fail(ErrorKind::data, "[json] {}: expected numbers of 64 bits, got one beyond them", where);
  }
}

std::optional<Json> try_parse_json(std::string_view text) {
  if (is_too_deep(text)) return std::nullopt;
  Json value = Json::parse(text, nullptr, false);
  if (value.is_discarded()) return std::nullopt;
  return value;
}

Json read_json(const std::filesystem::path& path) { return parse_json(read_file(path), path.string()); }

namespace {

/// As dump() writes it; most texts have nothing to escape.
void add_text(const Json& value, std::string& text) {
  const std::string& plain = value.get_ref<const std::string&>();
  const bool is_plain =
      std::ranges::all_of(plain, [](char c) { return c >= ' ' && c <= '~' && c != '"' && c != '\\'; });
  text += is_plain ? '"' + plain + '"' : value.dump();
}

void add_canonical(const Json& value, std::string& text) {
  if (value.is_object()) {
    std::vector<const Json::object_t::value_type*> entries;
    for (const auto& entry : value.get_ref<const Json::object_t&>()) entries.push_back(&entry);
    std::ranges::sort(entries, {}, [](const auto* entry) -> const std::string& { return entry->first; });
    text += '{';
    for (const auto* entry : entries) {
      if (entry != entries.front()) text += ',';
      add_text(entry->first, text);
      text += ':';
      add_canonical(entry->second, text);
    }
    text += '}';
  } else if (value.is_array()) {
    text += '[';
    for (size_t i = 0; i < value.size(); ++i) {
      if (i > 0) text += ',';
      add_canonical(value[i], text);
    }
    text += ']';
  } else if (value.is_string()) {
    add_text(value, text);
  } else if (value.is_number_integer() && !value.is_number_unsigned()) {
    text += std::to_string(value.get<int64_t>());
  } else if (value.is_boolean()) {
    text += value.get<bool>() ? "true" : "false";
  } else {
    text += value.dump();
  }
}

}  // namespace

std::string canonical_text(const Json& value) {
  try {
    std::string text;
    add_canonical(value, text);
    return text;
  } catch (const Json::type_error&) {  // what dump() throws for such bytes
    fail(ErrorKind::data, "[json] expected text in UTF-8, got other bytes ({})",
         value.dump(-1, ' ', false, Json::error_handler_t::replace).substr(0, 200));
  }
}

}  // namespace quench
