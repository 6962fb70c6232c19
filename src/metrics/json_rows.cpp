#include "metrics/json_rows.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"
#include "core/json.h"

namespace quench::metrics {
namespace {

constexpr double kLargestExact = 9007199254740992.0;  // 2^53

/// A JSON value as the parser reports it; of lists and objects, their beginning.
struct Value {
  enum class Kind { null, boolean, integer, number, text, list, object };
  Kind kind;
  int64_t integer = 0;
  double number = 0;
  std::string* text = nullptr;

  bool is_number() const { return kind == Kind::integer || kind == Kind::number; }
};

const char* name_of(Value::Kind kind) {
  switch (kind) {
    case Value::Kind::null: return "null";
    case Value::Kind::boolean: return "a boolean";
    case Value::Kind::integer: return "an integer";
    case Value::Kind::number: return "a number";
    case Value::Kind::text: return "a text";
    case Value::Kind::list: return "a list";
    case Value::Kind::object: return "an object";
  }
  return "";
}

const char* name_of(FieldType type) {
  switch (type) {
    case FieldType::integer: return "an integer";
    case FieldType::number: return "a number";
    case FieldType::flag: return "0 or 1";
    case FieldType::text: return "a text";
    case FieldType::box: return "a list of 4 numbers";
  }
  return "";
}

/// Receives the parser's events. Levels count the open lists and objects: the rows of a list lie on `row_level_`, their
/// keys one deeper, the numbers of a box two deeper.
class Reader final : public nlohmann::json_sax<Json> {
 public:
  Reader(std::span<const RowList> lists, std::string_view where)
      : lists_(lists),
        where_(where),
        bare_(lists.size() == 1 && lists.front().key.empty()),
        row_level_(bare_ ? 1 : 2),
        found_(lists.size()) {
    if (bare_) open_list(0);
  }

  void check_lists() const {
    for (size_t i = 0; i < lists_.size(); ++i) {
      if (!found_[i]) {
        fail(ErrorKind::data, "[metrics.coco_json] expected a list '{}', got none ({})", lists_[i].key, where_);
      }
    }
  }

  bool null() override { return scalar({Value::Kind::null}); }
  bool boolean(bool value) override { return scalar({Value::Kind::boolean, value, value ? 1.0 : 0.0}); }
  bool number_integer(int64_t value) override {
    return scalar({Value::Kind::integer, value, static_cast<double>(value)});
  }
  bool number_unsigned(uint64_t value) override {
    const auto number = static_cast<double>(value);
    if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return number_float(number, "");
    return scalar({Value::Kind::integer, static_cast<int64_t>(value), number});
  }
  bool number_float(double value, const std::string&) override { return scalar({Value::Kind::number, 0, value}); }
  bool string(std::string& value) override { return scalar({Value::Kind::text, 0, 0, &value}); }
  bool binary(Json::binary_t&) override { return true; }  // not in JSON text

  bool start_object(size_t) override { return open({Value::Kind::object}); }
  bool end_object() override {
    --level_;
    if (list_ && level_ == row_level_) finish_row();
    return true;
  }
  bool start_array(size_t) override { return open({Value::Kind::list}); }
  bool end_array() override {
    --level_;
    if (in_box_ && level_ == row_level_ + 1) finish_box();
    if (!bare_ && level_ == 1) list_ = nullptr;
    return true;
  }
  bool key(std::string& name) override {
    if (!bare_ && level_ == 1) {
      const auto found = std::ranges::find(lists_, name, &RowList::key);
      list_ = nullptr;
      if (found != lists_.end()) open_list(static_cast<size_t>(found - lists_.begin()));
    } else if (list_ && level_ == row_level_ + 1) {
      const auto found = std::ranges::find(list_->fields, name, &Field::key);
      field_ = found != list_->fields.end() ? &*found : nullptr;
    }
    return true;
  }
  bool parse_error(size_t position, const std::string&, const nlohmann::detail::exception&) override {
    fail(ErrorKind::data, "[metrics.coco_json] expected JSON, got an error at byte {} ({})", position, where_);
  }

 private:
  bool scalar(const Value& value) {
    place(value);
    return true;
  }
  bool open(const Value& value) {
    place(value);
    ++level_;
    return true;
  }

  void open_list(size_t index) {
    if (found_[index]) {
      fail(ErrorKind::data, "[metrics.coco_json] expected one list '{}', got two ({})", lists_[index].key, where_);
    }
    found_[index] = true;
    list_ = &lists_[index];
    cells_.resize(std::max(cells_.size(), list_->fields.size()));
    row_ = -1;
  }

  void place(const Value& value) {
    if (level_ == 0) {
      const Value::Kind wanted = bare_ ? Value::Kind::list : Value::Kind::object;
      if (value.kind != wanted) fail_kind(bare_ ? "a list" : "an object", value, "the whole text");
    } else if (!list_) {
      return;
    } else if (level_ == row_level_ - 1) {
      if (value.kind != Value::Kind::list) fail_kind("a list", value, list_->key);
    } else if (level_ == row_level_) {
      ++row_;
      if (value.kind != Value::Kind::object) fail_kind("an object", value, row_name());
      for (Cell& cell : cells_) cell.given = false;
    } else if (level_ == row_level_ + 1) {
      if (field_) place_cell(value);
    } else if (in_box_ && level_ == row_level_ + 2) {
      place_side(value);
    }
  }

  void place_cell(const Value& value) {
    Cell& cell = current_cell();
    bool fits = false;
    switch (field_->type) {
      case FieldType::integer:
        fits = value.kind == Value::Kind::integer || is_integral(value);
        cell.integer = value.kind == Value::Kind::integer ? value.integer
                       : fits                             ? static_cast<int64_t>(value.number)
                                                          : 0;
        break;
      case FieldType::number:
        fits = value.is_number() || is_nan(value);
        cell.number = value.is_number() ? value.number : std::numeric_limits<double>::quiet_NaN();
        break;
      case FieldType::flag:
        fits = value.is_number() || value.kind == Value::Kind::boolean;
        cell.number = value.number != 0 ? 1 : 0;
        break;
      case FieldType::text:
        fits = value.kind == Value::Kind::text;
        if (fits) cell.text = *value.text;
        break;
      case FieldType::box:
        fits = in_box_ = value.kind == Value::Kind::list;
        sides_ = 0;
        break;
    }
    if (!fits) fail_kind(name_of(field_->type), value, field_name());
    cell.given = true;
  }

  void place_side(const Value& value) {
    if (!value.is_number() && !is_nan(value)) fail_kind("a number", value, field_name());
    Cell& cell = current_cell();
    if (sides_ < cell.box.size()) {
      cell.box[sides_] = value.is_number() ? value.number : std::numeric_limits<double>::quiet_NaN();
    }
    ++sides_;
  }

  void finish_box() {
    in_box_ = false;
    if (sides_ != 4) {
      fail(ErrorKind::data, "[metrics.coco_json] expected 4 numbers in {}, got {} ({})", field_name(), sides_, where_);
    }
  }

  void finish_row() {
    for (size_t i = 0; i < list_->fields.size(); ++i) {
      if (!cells_[i].given && list_->fields[i].required) {
        fail(ErrorKind::data, "[metrics.coco_json] expected the key '{}' in {}, got none ({})", list_->fields[i].key,
             row_name(), where_);
      }
    }
    list_->take(std::span<const Cell>(cells_).first(list_->fields.size()));
  }

  static bool is_integral(const Value& value) {
    return value.kind == Value::Kind::number && std::trunc(value.number) == value.number &&
           std::abs(value.number) <= kLargestExact;
  }
  bool is_nan(const Value& value) const { return value.kind == Value::Kind::null && field_->null_is_nan; }

  Cell& current_cell() { return cells_[static_cast<size_t>(field_ - list_->fields.data())]; }
  std::string row_name() const { return fmt::format("{}[{}]", list_->key, row_); }
  std::string field_name() const { return fmt::format("{}.{}", row_name(), field_->key); }
  [[noreturn]] void fail_kind(std::string_view wanted, const Value& value, std::string_view place) const {
    fail(ErrorKind::data, "[metrics.coco_json] expected {} in {}, got {} ({})", wanted, place, name_of(value.kind),
         where_);
  }

  const std::span<const RowList> lists_;
  const std::string_view where_;
  const bool bare_;
  const int64_t row_level_;
  std::vector<bool> found_;        // of each list
  const RowList* list_ = nullptr;  // the open one
  const Field* field_ = nullptr;   // of the last key of a row; null for one to pass over
  std::vector<Cell> cells_;
  int64_t level_ = 0;
  int64_t row_ = -1;
  bool in_box_ = false;
  size_t sides_ = 0;
};

}  // namespace

void read_rows(std::string_view text, std::string_view where, std::span<const RowList> lists) {
  Reader reader(lists, where);
  Json::sax_parse(text.begin(), text.end(), &reader);
  reader.check_lists();
}

}  // namespace quench::metrics
