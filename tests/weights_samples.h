#pragma once

// Writers of the file formats that weights/ reads, by hand, so that tests can make any file, wrong ones too.

#include <array>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/json.h"
#include "core/rng.h"
#include "core/tensor.h"

namespace quench::weights::samples {

template <typename T>
std::string little(T value) {
  std::string bytes(sizeof(T), '\0');
  std::memcpy(bytes.data(), &value, sizeof(T));
  return bytes;
}

/// Bytes of hexadecimal digits.
inline std::string from_hex(std::string_view digits) {
  std::string bytes;
  for (size_t i = 0; i + 1 < digits.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(std::string(digits.substr(i, 2)), nullptr, 16));
  }
  return bytes;
}

// --- Zip ---

inline uint32_t crc32(std::string_view bytes) {
  uint32_t crc = ~0u;
  for (const char byte : bytes) {
    crc ^= static_cast<unsigned char>(byte);
    for (int i = 0; i < 8; ++i) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
  }
  return ~crc;
}

struct ZipEntry {
  std::string name;
  std::string content;
  uint16_t method = 0;         ///< 0 stored, 8 deflated
  int64_t claimed_bytes = -1;  ///< uncompressed size that the headers claim; -1: the true one
  uint32_t crc_error = 0;      ///< xor'ed into the checksum
};

inline std::string zip(const std::vector<ZipEntry>& entries) {
  std::string out, directory;
  for (const ZipEntry& entry : entries) {
    const auto claimed = static_cast<uint32_t>(entry.claimed_bytes < 0 ? static_cast<int64_t>(entry.content.size())
                                                                       : entry.claimed_bytes);
    const std::string common = little<uint16_t>(20) + little<uint16_t>(0) + little(entry.method) +
                               little<uint32_t>(0x210000) + little(crc32(entry.content) ^ entry.crc_error) +
                               little(static_cast<uint32_t>(entry.content.size())) + little(claimed) +
                               little(static_cast<uint16_t>(entry.name.size())) + little<uint16_t>(0);
    directory += "PK\x01\x02" + little<uint16_t>(20) + common + little<uint16_t>(0) + little<uint16_t>(0) +
                 little<uint16_t>(0) + little<uint32_t>(0) + little(static_cast<uint32_t>(out.size())) + entry.name;
    out += "PK\x03\x04" + common + entry.name + entry.content;
  }
  const auto count = static_cast<uint16_t>(entries.size());
  const std::string end = std::string("PK\x05\x06") + little<uint32_t>(0) + little(count) + little(count) +
                          little(static_cast<uint32_t>(directory.size())) + little(static_cast<uint32_t>(out.size())) +
                          little<uint16_t>(0);
  return out + directory + end;
}

// --- Pickle, protocol 2 ---

inline std::string text(std::string_view value) {
  return "X" + little(static_cast<uint32_t>(value.size())) + std::string(value);
}
inline std::string integer(int64_t value) { return std::string("\x8a\x08") + little(value); }
inline std::string real(double value) {
  std::string bytes = little(value);
  return "G" + std::string(bytes.rbegin(), bytes.rend());
}
inline std::string global(std::string_view module, std::string_view name) {
  return "c" + std::string(module) + "\n" + std::string(name) + "\n";
}
inline std::string joined(const std::vector<std::string>& items) {
  std::string out;
  for (const std::string& item : items) out += item;
  return out;
}
inline std::string tuple(const std::vector<std::string>& items) { return "(" + joined(items) + "t"; }
inline std::string list(const std::vector<std::string>& items) { return "](" + joined(items) + "e"; }
/// Keys and values in turn.
inline std::string dict(const std::vector<std::string>& items) { return "}(" + joined(items) + "u"; }
inline std::string call(const std::string& function, const std::vector<std::string>& arguments) {
  return function + tuple(arguments) + "R";
}
inline std::string pickle(const std::string& value) { return "\x80\x02" + value + "."; }

inline std::string integers(const Shape& values) {
  std::vector<std::string> items;
  for (const int64_t value : values) items.push_back(integer(value));
  return tuple(items);
}

inline std::string tensor(const std::string& storage, const std::string& key, int64_t count, int64_t offset,
                          const Shape& sizes, const Shape& strides) {
  const std::string id =
      tuple({text("storage"), global("torch", storage), text(key), text("cpu"), integer(count)}) + "Q";
  return call(global("torch._utils", "_rebuild_tensor_v2"), {id, integer(offset), integers(sizes), integers(strides),
                                                             "\x89", call(global("collections", "OrderedDict"), {})});
}

/// A module as torch pickles one: a class, and its attributes as state.
inline std::string module(const std::string& package, const std::string& name, const std::string& parameters,
                          const std::string& buffers, const std::string& modules,
                          const std::vector<std::string>& others = {}) {
  return global(package, name) + ")\x81" +
         dict({text("_parameters"), parameters, text("_buffers"), buffers, text("_modules"), modules, joined(others)}) +
         "b";
}

/// A file of torch.save: a pickle, and storages by key.
inline std::string torch_file(const std::string& value, const std::map<std::string, std::string>& storages) {
  std::vector<ZipEntry> entries{{"archive/data.pkl", pickle(value)}};
  for (const auto& [key, bytes] : storages) entries.push_back({"archive/data/" + key, bytes});
  entries.push_back({"archive/version", "3\n"});
  return zip(entries);
}

inline std::string bytes_of(const Tensor& tensor) {
  return {reinterpret_cast<const char*>(tensor.bytes()), tensor.size_bytes()};
}

inline Shape row_major(const Shape& sizes) {
  Shape strides(sizes.size(), 1);
  for (size_t i = sizes.size(); i-- > 1;) strides[i - 1] = strides[i] * sizes[i];
  return strides;
}

/// A state_dict of float32 tensors, as a file of torch.save.
inline std::string torch_state_dict(const std::map<std::string, Tensor>& tensors) {
  std::vector<std::string> items;
  std::map<std::string, std::string> storages;
  for (const auto& [name, value] : tensors) {
    const std::string key = std::to_string(storages.size());
    items.push_back(text(name));
    items.push_back(tensor("FloatStorage", key, value.size(), 0, value.shape(), row_major(value.shape())));
    storages[key] = bytes_of(value);
  }
  return torch_file(dict(items), storages);
}

// --- Safetensors ---

inline std::string safetensors(const Json& header, std::string_view data) {
  const std::string text = header.dump();
  return little(static_cast<uint64_t>(text.size())) + text + std::string(data);
}

/// Float32 tensors one after the other; `metadata` where it is not null.
inline std::string safetensors_file(const std::map<std::string, Tensor>& tensors, const Json& metadata = nullptr) {
  Json header = Json::object();
  if (!metadata.is_null()) header["__metadata__"] = metadata;
  std::string data;
  for (const auto& [name, value] : tensors) {
    header[name] = {
        {"dtype", "F32"}, {"shape", value.shape()}, {"data_offsets", {data.size(), data.size() + value.size_bytes()}}};
    data += bytes_of(value);
  }
  return safetensors(header, data);
}

// --- Fuzz ---

/// The same bytes with one to four changes: bits, bytes, pieces left out or doubled.
inline std::string changed(std::string bytes, Rng& rng) {
  for (uint64_t i = 0, many = 1 + rng.below(4); i < many && !bytes.empty(); ++i) {
    const size_t at = rng.below(bytes.size());
    switch (rng.below(5)) {
      case 0: bytes[at] = static_cast<char>(bytes[at] ^ (1 << rng.below(8))); break;
      case 1: bytes[at] = static_cast<char>(rng.below(256)); break;
      case 2: bytes[at] = static_cast<char>(rng.chance(0.5) ? 0xFF : 0); break;
      case 3: bytes.erase(at, 1 + rng.below(8)); break;
      default: bytes.insert(at, bytes.substr(rng.below(bytes.size()), 1 + rng.below(16))); break;
    }
  }
  return bytes;
}

}  // namespace quench::weights::samples
