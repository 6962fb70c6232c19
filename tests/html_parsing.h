#pragma once

#include <cctype>
#include <string>
#include <string_view>
#include <vector>

namespace quench::testing {

/// Elements and text of a page. A small parser with the strictness of XML: every element ends, in order; '<' and '&'
/// appear in text and attributes only as entities. Contents of script and style are raw text, as in HTML.
struct Parsed {
  std::vector<std::string> attributes;  ///< name="value", as written
  std::vector<std::string> scripts;
  std::string text;
  std::string fault;  ///< what is not well formed; empty where all is
};

inline bool entities_only(const std::string& text) {
  if (text.find('<') != std::string::npos) return false;
  for (size_t at = text.find('&'); at != std::string::npos; at = text.find('&', at + 1)) {
    const auto is = [&](const char* entity) { return text.compare(at, std::string_view(entity).size(), entity) == 0; };
    if (!is("&amp;") && !is("&lt;") && !is("&gt;") && !is("&quot;") && !is("&#39;")) return false;
  }
  return true;
}

inline Parsed parse(const std::string& page) {
  Parsed result;
  std::vector<std::string> open;
  size_t at = page.find('>') + 1;  // after the document type
  while (at < page.size()) {
    const size_t tag = page.find('<', at);
    const std::string text = page.substr(at, tag - at);
    if (!entities_only(text)) result.fault = "text: " + text;
    result.text += text;
    if (tag == std::string::npos) break;
    const size_t end = page.find('>', tag);
    if (end == std::string::npos) return result.fault = "tag without end", result;
    std::string inside = page.substr(tag + 1, end - tag - 1);
    at = end + 1;
    if (inside[0] == '/') {
      if (open.empty() || open.back() != inside.substr(1)) return result.fault = "unexpected </" + inside, result;
      open.pop_back();
      continue;
    }
    const bool empty = inside.back() == '/';
    if (empty) inside.pop_back();
    const std::string name = inside.substr(0, inside.find(' '));
    const std::string rest = inside.substr(name.size());
    std::string odd;  // what is no attribute
    size_t from = 0;  // (std::regex overflows the stack in pictures of many letters)
    while (true) {
      const size_t equal = rest.find("=\"", from);
      const size_t quote = equal == std::string::npos ? equal : rest.find('"', equal + 2);
      if (quote == std::string::npos) break;
      size_t begin = equal;
      while (begin > from && (std::isalpha(static_cast<unsigned char>(rest[begin - 1])) || rest[begin - 1] == '-'))
        --begin;
      odd += rest.substr(from, begin - from) + (begin == equal ? "=" : "");
      result.attributes.push_back(rest.substr(begin, quote + 1 - begin));
      if (!entities_only(rest.substr(equal + 2, quote - equal - 2)))
        result.fault = "attribute: " + result.attributes.back();
      from = quote + 1;
    }
    odd += rest.substr(from);
    if (odd.find_first_not_of(" \n") != std::string::npos) result.fault = "attributes: " + rest;
    if (empty) continue;
    if (name == "script" || name == "style") {
      const size_t close = page.find("</" + name, at);
      if (name == "script") result.scripts.push_back(page.substr(at, close - at));
      at = close;
    }
    open.push_back(name);
  }
  if (!open.empty()) result.fault = "not ended: " + open.back();
  return result;
}

}  // namespace quench::testing
