#include "fetch/tar.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <string>

#include "core/error.h"
#include "core/file.h"

namespace quench::fetch {
namespace {

namespace fs = std::filesystem;

constexpr size_t kBlock = 512;
constexpr uint64_t kLargestFile = uint64_t{1} << 32;
using Header = std::array<char, kBlock>;

/// The decompressed archive.
class Stream {
 public:
  explicit Stream(const fs::path& path) : path_(path), file_(gzopen(path.c_str(), "rb"), &gzclose) {
    if (!file_) fail(ErrorKind::io, "[fetch.tar] cannot open {}", path.string());
    gzbuffer(file_.get(), 1 << 17);
  }
  void read(char* out, size_t size) {
    while (size > 0) {
      const int got = gzread(file_.get(), out, static_cast<unsigned>(std::min<size_t>(size, 1 << 20)));
      if (got <= 0) {
        int code = 0;
        const char* reason = gzerror(file_.get(), &code);
        fail(ErrorKind::data, "[fetch.tar] expected {} bytes more, got the end: {} ({})", size,
             code == Z_OK ? "truncated archive" : reason, path_.string());
      }
      out += got;
      size -= static_cast<size_t>(got);
    }
  }

 private:
  fs::path path_;
  std::unique_ptr<gzFile_s, int (*)(gzFile)> file_;
};

std::string text(const Header& header, size_t offset, size_t size) {
  return {header.data() + offset, strnlen(header.data() + offset, size)};
}

uint64_t octal(const Header& header, size_t offset, size_t size, const fs::path& archive) {
  uint64_t value = 0;
  for (char digit : text(header, offset, size)) {
    if (digit == ' ') continue;
    if (digit < '0' || digit > '7') {
      fail(ErrorKind::data, "[fetch.tar] expected an octal number in a header, got byte {} ({})",
           static_cast<int>(static_cast<unsigned char>(digit)), archive.string());
    }
    value = value * 8 + static_cast<uint64_t>(digit - '0');
  }
  return value;
}

void check_sum(const Header& header, const fs::path& archive) {
  uint64_t sum = 0;
  for (size_t i = 0; i < kBlock; ++i) sum += i >= 148 && i < 156 ? ' ' : static_cast<unsigned char>(header[i]);
  const uint64_t expected = octal(header, 148, 8, archive);
  if (sum != expected) {
    fail(ErrorKind::data, "[fetch.tar] expected header checksum {}, got {} ({})", expected, sum, archive.string());
  }
}

fs::path safe_name(const Header& header, const fs::path& archive) {
  const std::string prefix = std::memcmp(header.data() + 257, "ustar\0", 6) == 0 ? text(header, 345, 155) : "";
  const std::string name = text(header, 0, 100);
  const fs::path path = prefix.empty() ? fs::path(name) : fs::path(prefix) / name;
  bool leaves = path.is_absolute() || path.empty();
  for (const fs::path& part : path) leaves |= part == "..";
  if (leaves) {
    fail(ErrorKind::data, "[fetch.tar] expected names inside the archive's folder, got '{}' ({})", path.string(),
         archive.string());
  }
  return path.lexically_normal();
}

}  // namespace

std::vector<fs::path> unpack_tar_gz(const fs::path& archive, const fs::path& folder, const CancelToken* cancel) {
  Stream stream(archive);
  std::vector<fs::path> written;
  for (Header header{};;) {
    if (cancel) cancel->check();
    stream.read(header.data(), kBlock);
    if (std::all_of(header.begin(), header.end(), [](char c) { return c == 0; })) return written;
    check_sum(header, archive);
    const uint64_t size = octal(header, 124, 12, archive);
    const char type = header[156];
    const fs::path name = safe_name(header, archive);
    if (size > kLargestFile)
      fail(ErrorKind::data, "[fetch.tar] {} claims {} bytes ({})", name.string(), size, archive.string());
    if (type == '5') continue;  // folders come with their files
    if (type != '0' && type != '\0') {
      fail(ErrorKind::data, "[fetch.tar] expected regular files and folders, got type '{}' for '{}' ({})", type,
           name.string(), archive.string());
    }
    std::string content;
    for (uint64_t left = size; left > 0;) {  // piece by piece: a lying size must not allocate
      const auto piece = static_cast<size_t>(std::min<uint64_t>(left, 16u << 20));
      content.resize(content.size() + piece);
      stream.read(content.data() + content.size() - piece, piece);
      left -= piece;
      if (cancel) cancel->check();
    }
    std::array<char, kBlock> padding;
    stream.read(padding.data(), (kBlock - size % kBlock) % kBlock);
    write_file(folder / name, content);
    written.push_back(folder / name);
  }
}

}  // namespace quench::fetch
