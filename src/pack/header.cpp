#include "pack/header.h"

#include <cmath>

#include "core/error.h"
#include "core/json.h"

namespace quench::pack {
namespace {

constexpr int64_t kLongestSide = 65536;

[[noreturn]] void wrong(std::string_view where, std::string_view expected, const std::string& got) {
  fail(ErrorKind::data, "[pack] expected {}, got {} ({})", expected, got, where);
}

/// A value's beginning, for messages.
std::string shown(const Json& value) {
  const std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  return text.size() > 60 ? text.substr(0, 57) + "..." : text;
}

/// Reads typed values of a JSON header; what is missing or of another type is Error{data} naming the key.
class Fields {
 public:
  Fields(const Json& object, std::string_view where) : object_(object), where_(where) {
    if (!object.is_object()) wrong(where, "an object", shown(object));
  }
  const Json& get(const char* key) const {
    const auto found = object_.find(key);
    if (found == object_.end()) wrong(where_, fmt::format("the key '{}'", key), "none");
    return *found;
  }
  std::string text(const char* key) const {
    const Json& value = get(key);
    if (!value.is_string()) wrong(where_, fmt::format("a text for '{}'", key), shown(value));
    return value.get<std::string>();
  }
  const Json& list(const char* key) const {
    const Json& value = get(key);
    if (!value.is_array()) wrong(where_, fmt::format("a list for '{}'", key), shown(value));
    return value;
  }
  int64_t integer(const char* key, int64_t low, int64_t high) const {
    return integer(get(key), key, low, high, where_);
  }

  static int64_t integer(const Json& value, std::string_view key, int64_t low, int64_t high, std::string_view where) {
    const bool fits = value.is_number_integer() && (!value.is_number_unsigned() || value.get<uint64_t>() <= INT64_MAX);
    if (!fits || value.get<int64_t>() < low || value.get<int64_t>() > high) {
      wrong(where, fmt::format("an integer in [{},{}] for '{}'", low, high, key), shown(value));
    }
    return value.get<int64_t>();
  }
  static double number(const Json& value, std::string_view key, std::string_view where) {
    if (!value.is_number()) wrong(where, fmt::format("a number for '{}'", key), shown(value));
    return value.get<double>();
  }

 private:
  const Json& object_;
  std::string_view where_;
};

int side(const Json& value, std::string_view key, std::string_view where, int low = 1) {
  return static_cast<int>(Fields::integer(value, key, low, kLongestSide, where));
}

Json to_json(const Image& image) {
  const Letterbox& box = image.letterbox;
  Json objects = Json::array();
  for (const Object& o : image.objects) {
    objects.push_back(Json::array({o.label, o.box.x1, o.box.y1, o.box.x2, o.box.y2, o.area, o.crowd ? 1 : 0}));
  }
  return {{"id", image.id},
          {"name", image.name},
          {"height", box.image_height},
          {"width", box.image_width},
          {"letterbox", Json::array({box.top, box.left, box.height, box.width, box.gain})},
          {"objects", std::move(objects)}};
}

Object object_from(const Json& row, std::string_view where) {
  if (!row.is_array() || row.size() != 7) {
    wrong(where, "an object [label, x1, y1, x2, y2, area, crowd]", shown(row));
  }
  Object object;
  object.label = static_cast<int32_t>(Fields::integer(row[0], "label", 0, INT32_MAX, where));
  object.box = {Fields::number(row[1], "x1", where), Fields::number(row[2], "y1", where),
                Fields::number(row[3], "x2", where), Fields::number(row[4], "y2", where)};
  object.area = Fields::number(row[5], "area", where);
  object.crowd = Fields::integer(row[6], "crowd", 0, 1, where) == 1;
  return object;
}

Image image_from(const Json& json, const Header& header, std::string_view where) {
  const Fields fields(json, where);
  Image image;
  image.id = fields.integer("id", INT64_MIN, INT64_MAX);
  image.name = fields.text("name");
  Letterbox& box = image.letterbox;
  box.image_height = side(fields.get("height"), "height", where);
  box.image_width = side(fields.get("width"), "width", where);
  box.canvas_height = static_cast<int>(header.height);
  box.canvas_width = static_cast<int>(header.width);
  const Json& place = fields.list("letterbox");
  if (place.size() != 5) wrong(where, "a letterbox [top, left, height, width, gain]", shown(place));
  box.top = side(place[0], "top", where, 0);
  box.left = side(place[1], "left", where, 0);
  box.height = side(place[2], "letterbox height", where);
  box.width = side(place[3], "letterbox width", where);
  box.gain = Fields::number(place[4], "gain", where);
  for (const Json& row : fields.list("objects")) image.objects.push_back(object_from(row, where));
  return image;
}

void check_image(const Image& image, const Header& header, std::string_view where) {
  const Letterbox& box = image.letterbox;
  const bool inside = box.canvas_height == header.height && box.canvas_width == header.width && box.height >= 1 &&
                      box.width >= 1 && box.top >= 0 && box.left >= 0 && box.top + box.height <= header.height &&
                      box.left + box.width <= header.width;
  if (!inside || !(box.gain > 0) || !std::isfinite(box.gain) || box.image_height < 1 || box.image_width < 1) {
    wrong(where, fmt::format("a letterbox in {}x{}", header.height, header.width),
          fmt::format("{}x{} at {},{} with gain {}", box.height, box.width, box.top, box.left, box.gain));
  }
  for (const Object& object : image.objects) {
    const Box& b = object.box;
    if (!std::isfinite(b.x1 + b.y1 + b.x2 + b.y2) || !std::isfinite(object.area)) {
      wrong(where, "finite boxes and areas", fmt::format("[{},{},{},{}], {}", b.x1, b.y1, b.x2, b.y2, object.area));
    }
    if (object.label < 0 || object.label >= static_cast<int64_t>(header.classes.size())) {
      wrong(where, fmt::format("labels below {}", header.classes.size()), std::to_string(object.label));
    }
  }
}

}  // namespace

void check(const Header& header, std::string_view where) {
  require_task(header.task, fmt::format("[pack] {}", where));
  if (header.height < 1 || header.width < 1 || std::max(header.height, header.width) > kLongestSide) {
    wrong(where, fmt::format("sides in [1,{}]", kLongestSide), fmt::format("{}x{}", header.height, header.width));
  }
  if (header.classes.empty()) wrong(where, "class names", "none");
  if (header.count() == 0) wrong(where, "at least one image", "none");
  const auto classes = static_cast<int64_t>(header.classes.size());
  for (size_t i = 0; i < header.labels.size(); ++i) {
    if (header.labels[i] >= 0 && header.labels[i] < classes) continue;
    wrong(where, fmt::format("labels in [0,{}]", classes - 1), fmt::format("{} of image {}", header.labels[i], i));
  }
  for (size_t i = 0; i < header.images.size(); ++i) {
    check_image(header.images[i], header, fmt::format("{}, image {}", where, i));
  }
}

Truth Header::truth(int64_t index) const {
  const auto i = static_cast<size_t>(index);
  if (!has_objects()) return {.label = labels.at(i)};
  return {.letterbox = images.at(i).letterbox, .objects = images[i].objects};
}

std::string to_text(const Header& header) {
  Json json{{"task", header.task},      {"data", header.data},
            {"split", header.split},    {"data_sha256", header.data_sha256},
            {"height", header.height},  {"width", header.width},
            {"classes", header.classes}};
  if (header.has_objects()) {
    Json& images = json["images"] = Json::array();
    for (const Image& image : header.images) images.push_back(to_json(image));
  } else {
    json["labels"] = header.labels;
  }
  if (!header.preparation.empty()) json["preparation"] = header.preparation;
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Header header_from(std::string_view text, std::string_view where) {
  const Json json = parse_json(text, where);
  const Fields fields(json, where);
  Header header;
  header.task = require_task(fields.text("task"), fmt::format("[pack] {}", where)).name;
  header.data = fields.text("data");
  header.split = fields.text("split");
  header.data_sha256 = fields.text("data_sha256");
  header.height = fields.integer("height", 1, kLongestSide);
  header.width = fields.integer("width", 1, kLongestSide);
  for (const Json& name : fields.list("classes")) {
    if (!name.is_string()) wrong(where, "class names", shown(name));
    header.classes.push_back(name.get<std::string>());
  }
  if (json.contains("preparation")) header.preparation = fields.text("preparation");
  if (header.has_objects()) {
    for (const Json& image : fields.list("images")) {
      header.images.push_back(image_from(image, header, fmt::format("{}, image {}", where, header.images.size())));
    }
  } else {
    for (const Json& label : fields.list("labels")) {
      header.labels.push_back(static_cast<int32_t>(Fields::integer(label, "labels", 0, INT32_MAX, where)));
    }
  }
  check(header, where);
  return header;
}

}  // namespace quench::pack
