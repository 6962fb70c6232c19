#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace quench::metrics {

/// What a key of a row holds.
enum class FieldType {
  integer,  ///< also a real with an integral value below 2^53
  number,
  flag,  ///< true, false, or a number that is not 0
  text,
  box,  ///< a list of 4 numbers
};

struct Field {
  std::string_view key;
  FieldType type = FieldType::number;
  bool required = true;
  bool null_is_nan = false;  ///< number, box: JSON has no NaN, and writers put null
};

/// A value of a row, where the field's type says.
struct Cell {
  bool given = false;
  int64_t integer = 0;
  double number = 0;  ///< a flag: 0 or 1
  std::array<double, 4> box{};
  std::string text;
};

/// A list of JSON objects: which of their keys to read, and where to. Other keys are passed over.
struct RowList {
  std::string key;  ///< of the list in the top object; "" where the text is the list itself
  std::vector<Field> fields;
  std::function<void(std::span<const Cell>)> take;  ///< called for each row, with the cells in the order of `fields`
};

/// Reads lists of a JSON text in one pass, without building its tree: the files of COCO have millions of rows.
/// One list with key "": the text is a list. Else: an object with all the lists, and more.
/// Throws Error{data} naming `where`, list, index and key for what is no JSON, a missing list or key, a wrong type.
void read_rows(std::string_view text, std::string_view where, std::span<const RowList> lists);

}  // namespace quench::metrics
