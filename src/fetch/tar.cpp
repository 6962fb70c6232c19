#include "fetch/tar.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <string>

#include "core/error.h"
#include "core/file.h"
#include "core/tar_header.h"

namespace quench::fetch {
namespace {

namespace fs = std::filesystem;

using Header = std::array<char, kTarBlock>;

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

}  // namespace

std::vector<fs::path> unpack_tar_gz(const fs::path& archive, const fs::path& folder, const CancelToken* cancel) {
  Stream stream(archive);
  std::vector<fs::path> written;
  for (Header header{};;) {
    if (cancel) cancel->check();
    stream.read(header.data(), kTarBlock);
    const std::optional<TarHeader> head = read_tar_header(header, archive.string());
    if (!head) return written;
    const fs::path name = head->name;
    if (head->type == '5') continue;  // folders come with their files
    if (!head->regular()) {
      fail(ErrorKind::data, "[fetch.tar] expected regular files and folders, got type '{}' for '{}' ({})", head->type,
           name.string(), archive.string());
    }
    std::string content;
    for (int64_t left = head->size; left > 0;) {  // piece by piece: a lying size must not allocate
      const auto piece = static_cast<size_t>(std::min<int64_t>(left, 16 << 20));
      content.resize(content.size() + piece);
      stream.read(content.data() + content.size() - piece, piece);
      left -= static_cast<int64_t>(piece);
      if (cancel) cancel->check();
    }
    std::array<char, kTarBlock> padding;
    stream.read(padding.data(), tar_padding(head->size));
    write_file(folder / name, content);
    written.push_back(folder / name);
  }
}

}  // namespace quench::fetch
