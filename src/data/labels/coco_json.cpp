#include "data/labels/coco_json.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>
#include <span>
#include <utility>

#include "core/error.h"
#include "core/file.h"
#include "core/file_kind.h"
#include "core/json.h"
#include "core/printable.h"
#include "core/text_encoding.h"

namespace quench::data {
namespace {

enum class Section { other, images, annotations, categories };

/// A scalar of the file: nothing set for null.
struct Scalar {
  std::optional<double> number;
  std::optional<int64_t> integer;
  std::optional<bool> boolean;
  const std::string* text = nullptr;
};

/// What the value is, for messages.
std::string in_words(const Scalar& value) {
  constexpr size_t kLongest = 40;
  if (value.text) return fmt::format("the text \"{}\"", printable(value.text->substr(0, kLongest)));
  if (value.number) return fmt::format("the number {}", *value.number);
  if (value.boolean) return *value.boolean ? "true" : "false";
  return "null";
}

/// Digits as a number: "9", "9.0".
std::optional<double> number_of_text(const std::string& text) {
  double value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::optional<int64_t> integer_of(double value) {
  if (value != std::floor(value) || std::abs(value) >= 9e15) return std::nullopt;
  return static_cast<int64_t>(value);
}

class Reader : public nlohmann::json_sax<Json> {
 public:
  /// text: for errors of its encoding; none where it is read in blocks, and errors are of who reads it whole then.
  Reader(std::optional<std::string_view> text, const std::string& where) : text_(text), where_(where) {}

  CocoJson take() {
    for (const auto& [name, seen] : {std::pair("images", seen_images_), std::pair("annotations", seen_annotations_),
                                     std::pair("categories", seen_categories_)}) {
      if (!seen) {
        fail(ErrorKind::data, "[data.coco] expected images, annotations and categories, got no '{}' ({})", name,
             where_);
      }
    }
    auto& categories = out_.categories;
    std::sort(categories.begin(), categories.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
    for (size_t i = 1; i < categories.size(); ++i) {
      if (categories[i].id == categories[i - 1].id) {
        fail(ErrorKind::data, "[data.coco] expected each category id once, got {} for '{}' and '{}' ({})",
             categories[i].id, categories[i - 1].name, categories[i].name, where_);
      }
    }
    return std::move(out_);
  }

  bool null() override { return scalar({}); }
  bool boolean(bool value) override {
    Scalar out;
    out.boolean = value;
    return scalar(out);
  }
  bool number_integer(number_integer_t value) override {
    Scalar out;
    out.integer = value;
    out.number = static_cast<double>(value);
    return scalar(out);
  }
  bool number_unsigned(number_unsigned_t value) override {
    Scalar out;
    if (value <= static_cast<uint64_t>(INT64_MAX)) out.integer = static_cast<int64_t>(value);
    out.number = static_cast<double>(value);
    return scalar(out);
  }
  bool number_float(number_float_t value, const string_t&) override {
    Scalar out;
    out.number = value;
    out.integer = integer_of(value);
    return scalar(out);
  }
  bool string(string_t& value) override {
    Scalar out;
    out.text = &value;
    out.number = number_of_text(value);
    if (out.number) out.integer = integer_of(*out.number);
    return scalar(out);
  }
  bool binary(binary_t&) override { return scalar({}); }

  bool start_object(size_t) override {
    if (depth_ == kTop && section_ != Section::other) reject("a list");
    if (depth_ == kList) start_record();
    ++depth_;
    return true;
  }
  bool key(string_t& value) override {
    if (depth_ == kTop) {
      section_ = section_of(value);
    } else if (depth_ == kRecord) {
      field_ = value;
    }
    return true;
  }
  bool end_object() override {
    --depth_;
    if (depth_ == kList && section_ != Section::other) end_record();
    return true;
  }
  bool start_array(size_t) override {
    if (depth_ == 0) reject("an object with images, annotations and categories", "a list");
    if (depth_ == kTop) start_section();
    if (depth_ == kList && section_ != Section::other) reject("an object");
    in_box_ = depth_ == kRecord && section_ == Section::annotations && field_ == "bbox";
    if (in_box_) numbers_.clear();
    ++depth_;
    return true;
  }
  bool end_array() override {
    --depth_;
    if (in_box_ && depth_ == kRecord) {
      in_box_ = false;
      if (numbers_.size() == 4)
        annotation_.box = std::array<double, 4>{numbers_[0], numbers_[1], numbers_[2], numbers_[3]};
    }
    return true;
  }
  bool parse_error(size_t position, const std::string&, const nlohmann::detail::exception&) override {
    if (!text_) return false;
    if (const std::string wrong = not_utf8(*text_, where_); !wrong.empty()) {
      fail(ErrorKind::data, "[data.coco] expected JSON in UTF-8, got {} ({})", wrong, where_);
    }
    const std::string kind = text_->starts_with('{') ? "" : file_kind(*text_);
    fail(ErrorKind::data, "[data.coco] expected valid JSON, got {} ({})",
         kind.empty() ? fmt::format("an error at byte {}", position) : kind, where_);
  }

 private:
  // How deep the next value lies.
  static constexpr int kTop = 1, kList = 2, kRecord = 3;

  static Section section_of(const std::string& name) {
    if (name == "images") return Section::images;
    if (name == "annotations") return Section::annotations;
    return name == "categories" ? Section::categories : Section::other;
  }

  void start_section() {
    record_ = -1;
    if (section_ == Section::images) seen_images_ = true;
    if (section_ == Section::annotations) seen_annotations_ = true;
    if (section_ == Section::categories) seen_categories_ = true;
  }

  void start_record() {
    ++record_;
    field_.clear();
    image_ = {};
    annotation_ = {};
    category_ = {};
    has_id_ = has_name_ = false;
    id_ = name_ = "none";
  }

  void end_record() {
    if (section_ == Section::annotations) {
      out_.annotations.push_back(annotation_);
      return;
    }
    if (!has_id_) reject("an integer 'id'", id_);
    if (!has_name_) reject(section_ == Section::images ? "a text 'file_name'" : "a text 'name'", name_);
    if (section_ == Section::images) out_.images.push_back(image_);
    if (section_ == Section::categories) out_.categories.push_back(category_);
  }

  bool scalar(const Scalar& value) {
    if (depth_ == 0) reject("an object with images, annotations and categories");
    if (depth_ == kTop && section_ != Section::other) reject("a list");
    if (depth_ == kList && section_ != Section::other) reject("an object");
    if (depth_ == kRecord) {
      if (section_ == Section::images) image_field(value);
      if (section_ == Section::annotations) annotation_field(value);
      if (section_ == Section::categories) category_field(value);
    } else if (in_box_) {
      // What is no number makes the box unreadable: five entries.
      if (value.number && depth_ == kRecord + 1) {
        if (numbers_.size() < 5) numbers_.push_back(*value.number);
      } else {
        numbers_.resize(5);
      }
    }
    return true;
  }

  void image_field(const Scalar& value) {
    const auto side = [&] { return static_cast<int>(std::clamp<int64_t>(value.integer.value_or(0), 0, 1 << 24)); };
    if (field_ == "id") {
      image_.id = value.integer.value_or(0);
      has_id_ = value.integer.has_value();
      id_ = in_words(value);
    } else if (field_ == "file_name") {
      if (value.text) image_.file_name = *value.text;
      has_name_ = value.text && !value.text->empty();
      name_ = in_words(value);
    } else if (field_ == "height") {
      image_.height = side();
    } else if (field_ == "width") {
      image_.width = side();
    }
  }

  void annotation_field(const Scalar& value) {
    if (field_ == "id") annotation_.id = value.integer;
    if (field_ == "image_id" || field_ == "category_id") {
      (field_ == "image_id" ? annotation_.image_id : annotation_.category_id) = value.integer;
      if (!value.integer) annotation_.wrong_id = fmt::format("{} is {}", field_, in_words(value));
    }
    if (field_ == "area") annotation_.area = value.number;
    if (field_ == "iscrowd") annotation_.crowd = value.boolean.value_or(value.integer.value_or(0) != 0);
  }

  void category_field(const Scalar& value) {
    if (field_ == "id") {
      category_.id = value.integer.value_or(0);
      has_id_ = value.integer.has_value();
      id_ = in_words(value);
    } else if (field_ == "name") {
      if (value.text) category_.name = *value.text;
      if (!value.text && value.number) category_.name = fmt::format("{}", *value.number);
      has_name_ = value.text || value.number;
      name_ = in_words(value);
    }
  }

  [[noreturn]] void reject(const std::string& expected, const std::string& got = "something else") const {
    static const char* const kNames[] = {"", "images", "annotations", "categories"};
    std::string place = kNames[static_cast<size_t>(section_)];
    if (depth_ >= kList) place += fmt::format("[{}]", std::max<int64_t>(record_, 0));
    fail(ErrorKind::data, "[data.coco] expected {}, got {} ({}{}{})", expected, got, where_, place.empty() ? "" : ", ",
         place);
  }

  std::optional<std::string_view> text_;
  const std::string& where_;
  CocoJson out_;
  int depth_ = 0;
  Section section_ = Section::other;
  int64_t record_ = -1;
  std::string field_;
  CocoImage image_;
  CocoAnnotation annotation_;
  CocoCategory category_;
  bool has_id_ = false, has_name_ = false;
  std::string id_, name_;  // what stood there, for messages
  bool in_box_ = false;
  std::vector<double> numbers_;
  bool seen_images_ = false, seen_annotations_ = false, seen_categories_ = false;
};

/// The characters of a file, read in blocks.
class Blocks {
 public:
  Blocks(const std::filesystem::path& path, const std::function<void(int64_t, int64_t)>& at_block)
      : file_(path), at_block_(at_block) {
    fill();
  }

  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = char;
    using difference_type = std::ptrdiff_t;
    using pointer = const char*;
    using reference = const char&;

    explicit Iterator(Blocks* blocks) : blocks_(blocks) {}
    reference operator*() const { return blocks_->block_[blocks_->at_]; }
    Iterator& operator++() {
      if (++blocks_->at_ == blocks_->block_.size()) blocks_->fill();
      return *this;
    }
    Iterator operator++(int) {
      Iterator before = *this;
      ++*this;
      return before;
    }
    bool operator==(const Iterator& other) const { return ended() == other.ended(); }

   private:
    bool ended() const { return blocks_ == nullptr || blocks_->block_.empty(); }
    Blocks* blocks_;
  };

  /// UTF-16 begins with a mark, or has a zero byte among its first four.
  bool is_utf16() const {
    const std::string_view first = std::string_view(block_).substr(0, 4);
    return first.starts_with("\xff\xfe") || first.starts_with("\xfe\xff") || first.find('\0') != first.npos;
  }

 private:
  void fill() {
    constexpr int64_t kBlock = 1 << 20;
    block_.resize(static_cast<size_t>(std::min(kBlock, file_.size() - offset_)));
    at_ = 0;
    if (block_.empty()) return;
    if (!file_.read(offset_, std::as_writable_bytes(std::span(block_)))) {
      fail(ErrorKind::io, "[data.coco] expected {} bytes, got fewer ({})", file_.size(), file_.path().string());
    }
    offset_ += static_cast<int64_t>(block_.size());
    if (at_block_) at_block_(offset_, file_.size());
  }

  InputFile file_;
  const std::function<void(int64_t, int64_t)>& at_block_;
  std::string block_;
  size_t at_ = 0;
  int64_t offset_ = 0;
};

}  // namespace

void CocoAnnotations::push_back(const CocoAnnotation& one) {
  if (!one.wrong_id.empty()) wrong_ids_[rows_.size()] = one.wrong_id;
  rows_.push_back({one.id.value_or(0), one.image_id.value_or(0), one.category_id.value_or(0),
                   one.box.value_or(std::array<double, 4>{}), one.area.value_or(0), one.id.has_value(),
                   one.image_id.has_value(), one.category_id.has_value(), one.box.has_value(), one.area.has_value(),
                   one.crowd});
}

CocoAnnotation CocoAnnotations::operator[](size_t i) const {
  const Row& row = rows_.at(i);
  CocoAnnotation out;
  if (row.has_id) out.id = row.id;
  if (row.has_image) out.image_id = row.image_id;
  if (row.has_category) out.category_id = row.category_id;
  if (row.has_box) out.box = row.box;
  if (row.has_area) out.area = row.area;
  out.crowd = row.crowd;
  if (const auto wrong = wrong_ids_.find(i); wrong != wrong_ids_.end()) out.wrong_id = wrong->second;
  return out;
}

CocoJson parse_coco_json(std::string_view text, const std::string& where) {
  Reader reader(text, where);
  if (!Json::sax_parse(text, &reader)) fail(ErrorKind::data, "[data.coco] expected valid JSON ({})", where);
  return reader.take();
}

CocoJson read_coco_json(const std::filesystem::path& path, const std::function<void(int64_t, int64_t)>& at_block) {
  const std::string where = path.string();
  {
    Blocks blocks(path, at_block);
    Reader reader(std::nullopt, where);
    if (!blocks.is_utf16() && Json::sax_parse(Blocks::Iterator(&blocks), Blocks::Iterator(nullptr), &reader)) {
      return reader.take();
    }
  }
  return parse_coco_json(decoded_text(read_file(path)), where);  // and its errors
}

}  // namespace quench::data
