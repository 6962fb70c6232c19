#include <algorithm>
#include <charconv>
#include <cstring>

#include "core/error.h"
#include "picture_files/kinds.h"

namespace quench::picture_files {
namespace {

/// The next number of a header, behind blanks and comments; -1 where there is none.
int64_t next_number(std::string_view& rest) {
  while (!rest.empty()) {
    if (rest.front() == '#') {
      rest.remove_prefix(std::min(rest.find('\n'), rest.size()));
    } else if (std::strchr(" \t\r\n\v\f", rest.front()) && rest.front() != '\0') {
      rest.remove_prefix(1);
    } else {
      break;
    }
  }
  int64_t value = -1;
  const auto [end, code] = std::from_chars(rest.data(), rest.data() + std::min<size_t>(rest.size(), 9), value);
  if (code != std::errc()) return -1;
  rest.remove_prefix(static_cast<size_t>(end - rest.data()));
  return value;
}

}  // namespace

Tensor decode_ppm(std::string_view bytes, std::string_view where) {
  std::string_view rest = bytes.substr(2);
  const int64_t width = next_number(rest), height = next_number(rest), most = next_number(rest);
  if (most != 255) fail(ErrorKind::data, "[picture_files.ppm] expected 8 bits a value (255), got {} ({})", most, where);
  Tensor out = new_image(height, width, where);
  const size_t wanted = out.size_bytes();
  if (rest.size() < wanted + 1) {
    fail(ErrorKind::data, "[picture_files.ppm] expected {} bytes of pixels, got {} ({})", wanted,
         rest.empty() ? 0 : rest.size() - 1, where);
  }
  std::memcpy(out.mutable_bytes(), rest.data() + 1, wanted);
  return out;
}

}  // namespace quench::picture_files
