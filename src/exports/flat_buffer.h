#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace quench::exports {

/// What a FlatBuffers file is made of (https://flatbuffers.dev/internals): a tree of tables, vectors and strings, built
/// in memory and written at once. The little that formats of models need: no unions beyond a type and a table, no
/// structs, no sharing.
class FlatObject {
 public:
  using Pointer = std::shared_ptr<FlatObject>;

  static Pointer table();
  static Pointer text(std::string_view value);
  /// align: of the first element in the file, at least its size.
  template <typename T>
  static Pointer numbers(const std::vector<T>& values, size_t align = sizeof(T)) {
    return scalars(reinterpret_cast<const char*>(values.data()), values.size(), sizeof(T), align);
  }
  static Pointer objects(std::vector<Pointer> values);

  /// Field `slot` of a table, as the schema numbers them.
  template <typename T>
  FlatObject& set(int slot, T value) {
    static_assert(std::is_arithmetic_v<T>);
    fields_[slot] = {std::string(reinterpret_cast<const char*>(&value), sizeof(T)), nullptr};
    return *this;
  }
  FlatObject& set(int slot, Pointer value);

 private:
  friend std::string write_flat_buffer(const FlatObject& root, std::string_view identifier);
  enum class Kind { table, scalars, objects };
  struct Field {
    std::string scalar;  ///< or, with `object`, an offset
    Pointer object;
  };

  static Pointer scalars(const char* data, size_t count, size_t size, size_t align);
  /// Appends it to a file; where it begins.
  size_t write(std::string& out) const;
  size_t write_table(std::string& out) const;

  Kind kind_ = Kind::table;
  std::map<int, Field> fields_;
  std::string bytes_;
  size_t count_ = 0, align_ = 4;
  bool ends_with_zero_ = false;
  std::vector<Pointer> children_;
};

/// The file, with a table as its root. identifier: 4 letters.
std::string write_flat_buffer(const FlatObject& root, std::string_view identifier);

}  // namespace quench::exports
