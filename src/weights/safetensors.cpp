#include "weights/safetensors.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <set>
#include <utility>

#include "core/error.h"
#include "core/json.h"
#include "weights/element.h"

namespace quench::weights {
namespace {

// Keys in a map, not in order: a header of many keys must not take quadratic time.
using Header = nlohmann::json;

constexpr uint64_t kMaxHeader = uint64_t{8} << 20;
constexpr int kMaxHeaderDepth = 4;

[[noreturn]] void wrong(std::string_view expected, std::string_view got, std::string_view where) {
  fail(ErrorKind::data, "[weights.safetensors] expected {}, got {} ({})", expected, got, where);
}

/// JSON whose nesting is bounded and whose outermost keys stand once.
Header parse(std::string_view text, std::string_view where) {
  std::set<std::string> keys;
  const auto check = [&](int depth, Header::parse_event_t event, Header& parsed) {
    if (depth > kMaxHeaderDepth) wrong(fmt::format("a header nested at most {} deep", kMaxHeaderDepth), "more", where);
    if (event == Header::parse_event_t::key && depth == 1) {
      const auto& key = parsed.get_ref<const std::string&>();
      if (!keys.insert(key).second) wrong("every name once", "'" + key + "' twice", where);
    }
    return true;
  };
  try {
    return Header::parse(text, check);
  } catch (const Header::exception&) {
    wrong("a JSON header", "other text", where);
  }
}

std::optional<Element> element_of_dtype(const std::string& dtype) {
  if (dtype == "F16") return Element::f16;
  if (dtype == "BF16") return Element::bf16;
  if (dtype == "F32") return Element::f32;
  if (dtype == "F64") return Element::f64;
  if (dtype == "BOOL") return Element::boolean;
  if (dtype == "U8") return Element::u8;
  if (dtype == "I8") return Element::i8;
  if (dtype == "I16") return Element::i16;
  if (dtype == "I32") return Element::i32;
  if (dtype == "I64") return Element::i64;
  return std::nullopt;
}

/// Numbers that are whole and not negative; empty where `value` is no list of such.
std::optional<std::vector<uint64_t>> naturals(const Header& value) {
  if (!value.is_array()) return std::nullopt;
  std::vector<uint64_t> out;
  for (const Header& item : value) {
    if (!item.is_number_unsigned() || item.get<uint64_t>() > uint64_t{1} << 48) return std::nullopt;
    out.push_back(item.get<uint64_t>());
  }
  return out;
}

/// Where a tensor lies, in bytes behind the header.
struct Place {
  std::string name;
  Element element = Element::f32;
  Shape shape;
  uint64_t begin = 0;
  uint64_t end = 0;
};

/// One entry of the header, checked against `size` bytes of data.
Place place_of(const std::string& name, const Header& entry, uint64_t size, std::string_view where) {
  const std::string at = fmt::format("tensor {} of {}", name, where);
  if (!entry.is_object() || !entry.contains("dtype") || !entry["dtype"].is_string() || !entry.contains("shape") ||
      !entry.contains("data_offsets")) {
    wrong("dtype, shape and data_offsets", "another entry", at);
  }
  const auto shape = naturals(entry["shape"]), offsets = naturals(entry["data_offsets"]);
  if (!shape) wrong("a shape of whole numbers", "another value", at);
  if (!offsets || offsets->size() != 2 || (*offsets)[0] > (*offsets)[1] || (*offsets)[1] > size) {
    wrong(fmt::format("data_offsets inside {} bytes", size), "others", at);
  }
  const auto dtype = entry["dtype"].get<std::string>();
  const std::optional<Element> element = element_of_dtype(dtype);
  if (!element) wrong("a dtype that quench reads", "'" + dtype.substr(0, 20) + "'", at);
  Place place{name, *element, Shape(shape->begin(), shape->end()), (*offsets)[0], (*offsets)[1]};
  const uint64_t held = place.end - place.begin;
  const std::optional<int64_t> count = count_of(place.shape);
  if (!count || held % size_of(*element) != 0 || static_cast<uint64_t>(*count) != held / size_of(*element)) {
    wrong(fmt::format("the bytes of {} {}", dtype, to_string(place.shape)), fmt::format("{} bytes", held), at);
  }
  return place;
}

/// Throws where the places, sorted, do not fill `size` bytes one after the other.
void require_filled(const std::vector<Place>& places, uint64_t size, std::string_view where) {
  uint64_t end = 0;
  for (const Place& place : places) {
    if (place.begin != end) {
      wrong("tensors without overlap or hole between them",
            fmt::format("{} at byte {}, where the one before ends at {}", place.name, place.begin, end), where);
    }
    end = place.end;
  }
  if (end != size) wrong(fmt::format("tensors of {} bytes", size), fmt::format("{} bytes", end), where);
}

std::vector<std::string> class_names(const Header& metadata, std::string_view where) {
  if (!metadata.is_object() || !metadata.contains("names") || !metadata["names"].is_string()) return {};
  const Header names = parse(metadata["names"].get_ref<const std::string&>(), fmt::format("names of {}", where));
  std::vector<std::string> out;
  const auto take = [&](const Header& name) {
    if (!name.is_string()) wrong("class names as texts", "another value", where);
    out.push_back(name.get<std::string>());
  };
  if (names.is_array()) {
    for (const Header& name : names) take(name);
  } else if (names.is_object()) {
    for (size_t i = 0; i < names.size(); ++i) {
      const auto found = names.find(std::to_string(i));
      if (found == names.end()) wrong(fmt::format("a class name {}", i), "none", where);
      take(*found);
    }
  }
  return out;
}

}  // namespace

Checkpoint read_safetensors(std::string_view bytes, std::string_view where) {
  uint64_t size = 0;
  if (bytes.size() < sizeof size) wrong("8 bytes of length", fmt::format("{} bytes", bytes.size()), where);
  std::memcpy(&size, bytes.data(), sizeof size);
  bytes.remove_prefix(sizeof size);
  if (size > bytes.size() || size > kMaxHeader) {
    wrong(fmt::format("a header inside {} bytes (at most {})", bytes.size(), kMaxHeader), fmt::format("{} bytes", size),
          where);
  }
  const Header header = parse(bytes.substr(0, size), where);
  if (!header.is_object()) wrong("a JSON object as header", "another value", where);
  const std::string_view data = bytes.substr(size);

  Checkpoint out;
  out.format = "safetensors";
  std::vector<Place> places;
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") {
      out.classes = class_names(entry, where);
    } else {
      places.push_back(place_of(name, entry, data.size(), where));
    }
  }
  std::ranges::sort(places, {}, [](const Place& place) { return std::pair(place.begin, place.end); });
  require_filled(places, data.size(), where);
  for (Place& place : places) {
    out.tensors.emplace(place.name, read_elements(place.element, data.substr(place.begin, place.end - place.begin),
                                                  contiguous_view(std::move(place.shape)),
                                                  fmt::format("tensor {} of {}", place.name, where)));
  }
  if (out.tensors.empty()) wrong("tensors", "none", where);
  return out;
}

}  // namespace quench::weights
