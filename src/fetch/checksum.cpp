#include "fetch/checksum.h"

#include <fmt/format.h>
#include <md5.h>

#include <fstream>
#include <vector>

#include "core/error.h"
#include "core/file.h"
#include "core/file_kind.h"
#include "core/hash.h"

namespace quench::fetch {
namespace {

namespace fs = std::filesystem;

/// The kept SHA-256; empty: none, or a file that holds something else.
std::string kept_of(const fs::path& target) {
  std::ifstream file(kept_checksum(target));
  std::string hex;
  file >> hex;
  const bool valid = hex.size() == 64 && hex.find_first_not_of("0123456789abcdef") == std::string::npos;
  return valid ? hex : "";
}

/// What a file without a known checksum must begin with, by its name; empty: anything.
std::string_view first_bytes(const std::string& name) {
  if (name.ends_with(".pt") || name.ends_with(".zip")) return "PK";
  return name.ends_with(".gz") ? "\x1f\x8b" : "";
}

}  // namespace

std::string md5_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) fail(ErrorKind::io, "[fetch] cannot open {}", path.string());
  MD5_CTX context;
  MD5Init(&context);
  std::vector<char> block(1 << 16);
  while (file.read(block.data(), static_cast<std::streamsize>(block.size())) || file.gcount() > 0) {
    MD5Update(&context, reinterpret_cast<const uint8_t*>(block.data()), static_cast<size_t>(file.gcount()));
  }
  if (file.bad()) fail(ErrorKind::io, "[fetch] cannot read {}", path.string());
  char text[MD5_DIGEST_STRING_LENGTH];
  return MD5End(&context, text);
}

fs::path kept_checksum(const fs::path& target) { return target.string() + ".sha256"; }

bool checksum_is_known(const sources::File& file, const fs::path& target) {
  return !file.sha256.empty() || !file.md5.empty() || !kept_of(target).empty();
}

std::string problem_of(const sources::File& file, const fs::path& path, const fs::path& target) {
  if (!file.sha256.empty() || file.md5.empty()) {
    const std::string kept = file.sha256.empty() ? kept_of(target) : "";
    const std::string& expected = file.sha256.empty() ? kept : file.sha256;
    if (!expected.empty()) {
      const std::string sha256 = sha256_file(path);
      if (sha256 == expected) return "";
      return fmt::format(
          "expected SHA-256 {}{}, got {}", expected,
          kept.empty() ? "" : fmt::format(" (of the first download, in {})", kept_checksum(target).string()), sha256);
    }
    std::string head(512, '\0');
    std::ifstream content(path, std::ios::binary);
    content.read(head.data(), static_cast<std::streamsize>(head.size()));
    head.resize(static_cast<size_t>(content.gcount()));
    if (head.starts_with(first_bytes(file.name))) return "";
    const std::string kind = file_kind(head);
    return fmt::format("expected an archive, got {}", kind.empty() ? "other content" : kind);
  }
  const std::string md5 = md5_file(path);
  return md5 == file.md5 ? "" : fmt::format("expected MD5 {}, got {}", file.md5, md5);
}

std::string keep_checksum(const sources::File& file, const fs::path& target) {
  if (checksum_is_known(file, target)) return "";
  const std::string sha256 = sha256_file(target);
  write_file(kept_checksum(target), fmt::format("{}  {}\n", sha256, target.filename().string()));
  return sha256;
}

}  // namespace quench::fetch
