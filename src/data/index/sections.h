#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/error.h"

namespace quench::data {

/// Arrays of plain values one after another in one run of bytes, each with its size before it and aligned to 8 bytes:
/// what an index file holds. Numbers stand as this machine has them; such files do not travel.
class SectionWriter {
 public:
  template <typename T>
  void add(const std::vector<T>& values) {
    static_assert(std::is_trivially_copyable_v<T>);
    add_bytes(values.data(), values.size() * sizeof(T));
  }
  /// values[order[0]], values[order[1]], ...
  template <typename T>
  void add(const std::vector<T>& values, const std::vector<uint32_t>& order) {
    static_assert(sizeof(T) % 8 == 0);
    const uint64_t length = order.size() * sizeof(T);
    bytes_.append(reinterpret_cast<const char*>(&length), sizeof length);
    for (const uint32_t i : order) bytes_.append(reinterpret_cast<const char*>(&values[i]), sizeof(T));
  }
  void add(std::string_view text) { add_bytes(text.data(), text.size()); }
  void reserve(size_t bytes) { bytes_.reserve(bytes); }
  std::string take() { return std::move(bytes_); }

 private:
  void add_bytes(const void* values, size_t size) {
    const uint64_t length = size;
    bytes_.append(reinterpret_cast<const char*>(&length), sizeof length);
    if (size > 0) bytes_.append(static_cast<const char*>(values), size);
    bytes_.append((8 - size % 8) % 8, '\0');
  }

  std::string bytes_;
};

/// Reads such arrays in order, where they lie. Throws Error{data} where the bytes end early, or a size is not one of
/// whole values.
class SectionReader {
 public:
  /// bytes: aligned to 8, outlive what is read.
  explicit SectionReader(std::span<const char> bytes) : rest_(bytes) {}

  template <typename T>
  std::span<const T> next() {
    static_assert(std::is_trivially_copyable_v<T> && alignof(T) <= 8);
    uint64_t length = 0;
    if (rest_.size() < sizeof length) fail_short();
    std::memcpy(&length, rest_.data(), sizeof length);
    rest_ = rest_.subspan(sizeof length);
    if (length > rest_.size() || length % sizeof(T) != 0) fail_short();
    const std::span<const T> values{reinterpret_cast<const T*>(rest_.data()), static_cast<size_t>(length) / sizeof(T)};
    const auto padded = static_cast<size_t>(length + (8 - length % 8) % 8);
    if (padded > rest_.size()) fail_short();
    rest_ = rest_.subspan(padded);
    return values;
  }
  bool at_end() const { return rest_.empty(); }

 private:
  [[noreturn]] static void fail_short() { fail(ErrorKind::data, "[data.index] expected whole sections, got a part"); }

  std::span<const char> rest_;
};

/// Many texts in one run of characters, and where each ends: 8 bytes a text beside its characters.
struct Texts {
  std::span<const uint64_t> ends;
  std::span<const char> characters;

  size_t size() const { return ends.size(); }
  std::string_view at(size_t i) const {
    const uint64_t begin = i == 0 ? 0 : ends[i - 1];
    return {characters.data() + begin, static_cast<size_t>(ends[i] - begin)};
  }
  std::vector<std::string> all() const;
};
/// The next two arrays. Throws Error{data} where the ends do not ascend to the number of characters.
Texts next_texts(SectionReader& reader);

/// Texts that are being gathered.
class TextsBuilder {
 public:
  void add(std::string_view text) {
    characters_ += text;
    ends_.push_back(characters_.size());
  }
  size_t size() const { return ends_.size(); }
  size_t size_bytes() const { return ends_.size() * sizeof(uint64_t) + characters_.size() + 32; }
  /// Appends the two arrays, and lets them go.
  void write(SectionWriter& writer) {
    writer.add(std::exchange(ends_, {}));
    writer.add(std::exchange(characters_, {}));
  }

 private:
  std::vector<uint64_t> ends_;
  std::string characters_;
};

}  // namespace quench::data
