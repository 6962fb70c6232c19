#include "core/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <memory>

#include "core/error.h"

namespace quench {
namespace {

constexpr int kGzipWindow = 15 + 16;      // largest window, gzip wrapping
constexpr size_t kInputPiece = 1u << 30;  // zlib counts input in unsigned int
constexpr size_t kOutputPiece = 1u << 18;

Bytef* input_of(std::string_view bytes) {  // zlib does not write there
  return reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
}

/// Gives the stream the next piece of `rest` once it has used up the last.
void feed(z_stream& stream, std::string_view& rest) {
  if (stream.avail_in > 0 || rest.empty()) return;
  const std::string_view piece = rest.substr(0, kInputPiece);
  stream.next_in = input_of(piece);
  stream.avail_in = static_cast<uInt>(piece.size());
  rest.remove_prefix(piece.size());
}

}  // namespace

bool is_gzip(std::string_view bytes) { return bytes.starts_with("\x1f\x8b"); }

std::string gunzip(std::string_view bytes, std::string_view where, size_t limit_bytes) {
  z_stream stream{};
  ensure(inflateInit2(&stream, kGzipWindow) == Z_OK, "[gzip] cannot start zlib");
  const std::unique_ptr<z_stream, int (*)(z_stream*)> owner(&stream, &inflateEnd);
  std::string content, block(kOutputPiece, '\0');
  for (std::string_view rest = bytes;;) {
    feed(stream, rest);
    stream.next_out = reinterpret_cast<Bytef*>(block.data());
    stream.avail_out = static_cast<uInt>(block.size());
    const int code = inflate(&stream, Z_NO_FLUSH);
    content.append(block.data(), block.size() - stream.avail_out);
    if (content.size() > limit_bytes) {
      fail(ErrorKind::data, "[gzip] expected at most {} bytes of content, got more ({})", limit_bytes, where);
    }
    const bool at_end = stream.avail_in == 0 && rest.empty();
    if (code == Z_STREAM_END) {
      if (at_end) return content;
      inflateReset(&stream);  // a further member
    } else if (code != Z_OK) {
      fail(ErrorKind::data, "[gzip] expected a whole gzip stream, got {} bytes of content, then: {} ({})",
           content.size(),
           code == Z_BUF_ERROR ? "truncated"
           : stream.msg        ? stream.msg
                               : "damaged",
           where);
    }
  }
}

std::string gzip(std::string_view content) {
  z_stream stream{};
  ensure(deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzipWindow, 8, Z_DEFAULT_STRATEGY) == Z_OK,
         "[gzip] cannot start zlib");
  const std::unique_ptr<z_stream, int (*)(z_stream*)> owner(&stream, &deflateEnd);
  std::string bytes, block(kOutputPiece, '\0');
  int code = Z_OK;
  for (std::string_view rest = content; code == Z_OK;) {
    feed(stream, rest);
    stream.next_out = reinterpret_cast<Bytef*>(block.data());
    stream.avail_out = static_cast<uInt>(block.size());
    code = deflate(&stream, rest.empty() ? Z_FINISH : Z_NO_FLUSH);
    bytes.append(block.data(), block.size() - stream.avail_out);
  }
  ensure(code == Z_STREAM_END, "[gzip] expected the end of the stream, got zlib's code {}", code);
  return bytes;
}

}  // namespace quench
