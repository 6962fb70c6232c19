#include "core/tar_header.h"

#include <algorithm>
#include <cstring>
#include <filesystem>

#include "core/error.h"

namespace quench {
namespace {

namespace fs = std::filesystem;
using Block = std::span<const char>;

constexpr int64_t kLargestFile = int64_t{1} << 32;
constexpr size_t kSum = 148, kSumSize = 8;

std::string text(Block block, size_t offset, size_t size) {
  return {block.data() + offset, strnlen(block.data() + offset, size)};
}

uint64_t octal(Block block, size_t offset, size_t size, std::string_view archive) {
  uint64_t value = 0;
  for (char digit : text(block, offset, size)) {
    if (digit == ' ') continue;
    if (digit < '0' || digit > '7') {
      fail(ErrorKind::data, "[tar] expected an octal number in a header, got byte {} ({})",
           static_cast<int>(static_cast<unsigned char>(digit)), archive);
    }
    value = value * 8 + static_cast<uint64_t>(digit - '0');
  }
  return value;
}

/// Of all bytes, those of the sum itself as blanks.
uint64_t sum_of(Block block) {
  uint64_t sum = 0;
  for (size_t i = 0; i < kTarBlock; ++i) {
    sum += i >= kSum && i < kSum + kSumSize ? ' ' : static_cast<unsigned char>(block[i]);
  }
  return sum;
}

std::string safe_name(Block block, std::string_view archive) {
  const std::string prefix = std::memcmp(block.data() + 257, "ustar\0", 6) == 0 ? text(block, 345, 155) : "";
  const std::string name = text(block, 0, 100);
  const fs::path path = prefix.empty() ? fs::path(name) : fs::path(prefix) / name;
  bool leaves = path.is_absolute() || path.empty();
  for (const fs::path& part : path) leaves |= part == "..";
  if (leaves) {
    fail(ErrorKind::data, "[tar] expected names inside the archive's folder, got '{}' ({})", path.string(), archive);
  }
  return path.lexically_normal().string();
}

}  // namespace

std::optional<TarHeader> read_tar_header(Block block, std::string_view archive) {
  ensure(block.size() == kTarBlock, "[tar] expected a block of {} bytes, got {}", kTarBlock, block.size());
  if (std::ranges::all_of(block, [](char c) { return c == 0; })) return std::nullopt;
  const uint64_t expected = octal(block, kSum, kSumSize, archive), sum = sum_of(block);
  if (sum != expected) {
    fail(ErrorKind::data, "[tar] expected header checksum {}, got {} ({})", expected, sum, archive);
  }
  TarHeader header;
  const uint64_t size = octal(block, 124, 12, archive);
  header.name = safe_name(block, archive);
  header.type = block[156];
  if (size > uint64_t{kLargestFile}) {
    fail(ErrorKind::data, "[tar] {} claims {} bytes ({})", header.name, size, archive);
  }
  header.size = static_cast<int64_t>(size);
  return header;
}

std::string make_tar_header(std::string_view name, int64_t size) {
  if (name.empty() || name.size() > 100 || size < 0 || size >= int64_t{1} << 33) {
    fail(ErrorKind::data, "[tar] expected a name of 1 to 100 bytes and less than 8 GiB, got {} and {}", name.size(),
         size);
  }
  std::string block(kTarBlock, '\0');
  const auto put = [&block](size_t offset, std::string_view value) { value.copy(block.data() + offset, value.size()); };
  put(0, name);
  put(100, "0000644");
  put(108, "0000000");
  put(116, "0000000");
  put(124, fmt::format("{:011o}", size));
  put(136, "00000000000");
  put(156, "0");
  put(257, "ustar");
  put(263, "00");
  put(kSum, fmt::format("{:06o}", sum_of(block)));  // then a zero
  block[kSum + 7] = ' ';
  return block;
}

}  // namespace quench
