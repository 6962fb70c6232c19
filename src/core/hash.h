#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace quench {

/// Incremental SHA-256 (FIPS 180-4, by libmd).
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  void update(std::span<const std::byte> bytes);
  void update(std::string_view text);
  /// 64 lower-case hex digits; ends the digest.
  std::string hex();
  /// The same as 32 bytes; ends the digest.
  std::string bytes();

 private:
  struct State;
  State* state_;
};

/// SHA-256 of a text as 64 hex digits.
std::string sha256_hex(std::string_view text);

/// Bytes as lower-case hex digits.
std::string to_hex(std::string_view bytes);

/// SHA-256 of a file, read in blocks. Throws Error{io}.
std::string sha256_file(const std::filesystem::path& path);

}  // namespace quench
