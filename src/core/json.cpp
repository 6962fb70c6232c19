#include "core/json.h"

#include "core/error.h"
#include "core/file.h"

namespace quench {

Json parse_json(std::string_view text, std::string_view where) {
  try {
    return Json::parse(text);
  } catch (const Json::parse_error& e) {
    fail(ErrorKind::data, "[json] {}: expected valid JSON, got an error at byte {}", where, e.byte);
  } catch (const Json::out_of_range&) {
    fail(ErrorKind::data, "[json] {}: expected numbers of 64 bits, got one beyond them", where);
  }
}

Json read_json(const std::filesystem::path& path) { return parse_json(read_file(path), path.string()); }

std::string canonical_text(const Json& value) {
  // nlohmann::json (unordered flavour) keeps its keys in a sorted map.
  return nlohmann::json::parse(value.dump()).dump();
}

}  // namespace quench
