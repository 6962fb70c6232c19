#include "core/text_encoding.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

#include "core/utf8.h"

namespace quench {
namespace {

void append_utf8(std::string& out, uint32_t code) {
  const auto tail = [&](int shift) { out += static_cast<char>(0x80 | (code >> shift & 0x3f)); };
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xc0 | code >> 6);
    tail(0);
  } else if (code < 0x10000) {
    out += static_cast<char>(0xe0 | code >> 12);
    tail(6);
    tail(0);
  } else {
    out += static_cast<char>(0xf0 | code >> 18);
    tail(12);
    tail(6);
    tail(0);
  }
}

std::string from_utf16(std::string_view bytes, bool big_endian) {
  constexpr uint32_t kReplacement = 0xfffd;
  const auto unit = [&](size_t at) {
    const auto first = static_cast<uint8_t>(bytes[at]), second = static_cast<uint8_t>(bytes[at + 1]);
    return static_cast<uint32_t>(big_endian ? first << 8 | second : second << 8 | first);
  };
  std::string out;
  for (size_t at = 0; at + 1 < bytes.size(); at += 2) {
    const uint32_t code = unit(at);
    if (code < 0xd800 || code > 0xdfff) {
      append_utf8(out, code);
      continue;
    }
    const uint32_t low = code < 0xdc00 && at + 3 < bytes.size() ? unit(at + 2) : 0;
    const bool pair = low >= 0xdc00 && low <= 0xdfff;
    append_utf8(out, pair ? 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00) : kReplacement);
    if (pair) at += 2;
  }
  return out;
}

}  // namespace

std::string decoded_text(std::string bytes) {
  const std::string_view text = bytes;
  if (text.starts_with("\xef\xbb\xbf")) return bytes.substr(3);
  if (text.starts_with("\xff\xfe")) return from_utf16(text.substr(2), false);
  if (text.starts_with("\xfe\xff")) return from_utf16(text.substr(2), true);
  if (text.size() < 4 || text.size() % 2 != 0) return bytes;
  if (text[0] && !text[1] && text[2] && !text[3]) return from_utf16(text, false);
  if (!text[0] && text[1] && !text[2] && text[3]) return from_utf16(text, true);
  return bytes;
}

std::string probable_encoding(std::string_view bytes) {
  if (utf8_prefix(bytes) == bytes.size()) return {};
  bool gbk = true, shift_jis = true, below_gb2312 = false;
  const auto byte = [&](size_t at) { return at < bytes.size() ? static_cast<uint8_t>(bytes[at]) : uint8_t{0}; };
  for (size_t at = 0; at < bytes.size(); ++at) {
    const uint8_t lead = byte(at), trail = byte(at + 1);
    if (lead < 0x80) continue;
    gbk = gbk && lead >= 0x81 && lead <= 0xfe && trail >= 0xa1 && trail <= 0xfe;
    ++at;
  }
  for (size_t at = 0; at < bytes.size(); ++at) {
    const uint8_t lead = byte(at), trail = byte(at + 1);
    if (lead < 0x80 || (lead >= 0xa1 && lead <= 0xdf)) continue;  // ASCII; a half-width katakana
    const bool leads = (lead >= 0x81 && lead <= 0x9f) || (lead >= 0xe0 && lead <= 0xfc);
    shift_jis = shift_jis && leads && trail >= 0x40 && trail <= 0xfc && trail != 0x7f;
    below_gb2312 = below_gb2312 || lead <= 0x9f;
    ++at;
  }
  if (shift_jis && below_gb2312) return "SHIFT_JIS";
  return gbk ? "GBK" : "LATIN1";
}

std::string not_utf8(std::string_view bytes, std::string_view file) {
  const size_t good = utf8_prefix(bytes);
  if (good == bytes.size()) return {};
  const std::string encoding = probable_encoding(bytes);
  return fmt::format("the byte 0x{:02x} in line {} (it may be {}: `iconv -f {} -t UTF-8 {} > NEW` makes UTF-8 of it)",
                     static_cast<unsigned char>(bytes[good]),
                     1 + std::count(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(good), '\n'), encoding,
                     encoding, file);
}

}  // namespace quench
