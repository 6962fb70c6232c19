#include "exports/flat_buffer.h"

#include <bit>
#include <cstring>

#include "core/error.h"

namespace quench::exports {
namespace {

static_assert(std::endian::native == std::endian::little, "numbers are written as they lie in memory");

template <typename T>
void append(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof(T));
}

/// Fills up until `size` + offset is a multiple of `align`.
void fill(std::string& out, size_t align, size_t offset = 0) {
  while ((out.size() + offset) % align != 0) out.push_back('\0');
}

/// An offset counts from where it stands, and objects stand behind what names them.
void point(std::string& out, size_t from, size_t to) {
  const auto offset = static_cast<uint32_t>(to - from);
  std::memcpy(out.data() + from, &offset, sizeof offset);
}

}  // namespace

FlatObject::Pointer FlatObject::table() { return std::make_shared<FlatObject>(); }

FlatObject::Pointer FlatObject::scalars(const char* data, size_t count, size_t size, size_t align) {
  const auto out = std::make_shared<FlatObject>();
  out->kind_ = Kind::scalars;
  out->bytes_.assign(data, count * size);
  out->count_ = count;
  out->align_ = std::max<size_t>(4, align);
  return out;
}

FlatObject::Pointer FlatObject::text(std::string_view value) {
  const Pointer out = scalars(value.data(), value.size(), 1, 4);
  out->ends_with_zero_ = true;
  return out;
}

FlatObject::Pointer FlatObject::objects(std::vector<Pointer> values) {
  const auto out = std::make_shared<FlatObject>();
  out->kind_ = Kind::objects;
  out->children_ = std::move(values);
  return out;
}

FlatObject& FlatObject::set(int slot, Pointer value) {
  fields_[slot] = {std::string(4, '\0'), std::move(value)};
  return *this;
}

size_t FlatObject::write(std::string& out) const {
  if (kind_ == Kind::table) return write_table(out);
  fill(out, align_, 4);
  const size_t begin = out.size();
  if (kind_ == Kind::scalars) {
    append(out, static_cast<uint32_t>(count_));
    out += bytes_;
    if (ends_with_zero_) out.push_back('\0');
    return begin;
  }
  append(out, static_cast<uint32_t>(children_.size()));
  const size_t first = out.size();
  out.append(4 * children_.size(), '\0');
  for (size_t i = 0; i < children_.size(); ++i) {
    const size_t child = children_[i]->write(out);
    point(out, first + 4 * i, child);
  }
  return begin;
}

/// The table of places (each 16 bits: sizes of both, then where each field stands), and the fields.
size_t FlatObject::write_table(std::string& out) const {
  const size_t slots = fields_.empty() ? 0 : static_cast<size_t>(fields_.rbegin()->first) + 1;
  fill(out, 2);
  const size_t places = out.size();
  out.append(4 + 2 * slots, '\0');
  fill(out, 8);
  const size_t begin = out.size();
  append(out, static_cast<int32_t>(begin - places));
  std::map<int, size_t> at;
  for (const auto& [slot, field] : fields_) {
    fill(out, field.scalar.size());
    at[slot] = out.size();
    out += field.scalar;
  }
  const auto put = [&](size_t where, size_t value) {
    const auto narrow = static_cast<uint16_t>(value);
    ensure(narrow == value, "[exports.flat_buffer] a table of {} bytes", value);
    std::memcpy(out.data() + where, &narrow, sizeof narrow);
  };
  put(places, 4 + 2 * slots);
  put(places + 2, out.size() - begin);
  for (const auto& [slot, where] : at) put(places + 4 + 2 * static_cast<size_t>(slot), where - begin);
  for (const auto& [slot, field] : fields_) {
    if (!field.object) continue;
    const size_t child = field.object->write(out);
    point(out, at[slot], child);
  }
  return begin;
}

std::string write_flat_buffer(const FlatObject& root, std::string_view identifier) {
  std::string out(4, '\0');
  out += identifier;
  const size_t begin = root.write(out);
  point(out, 0, begin);
  return out;
}

}  // namespace quench::exports
