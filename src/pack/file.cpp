#include "pack/file.h"

#include <cstring>
#include <utility>

#include "core/error.h"

namespace quench::pack {
namespace {

constexpr std::string_view kMagic = "qpack\r\n\x1a";
constexpr uint64_t kVersion = 1;
constexpr int64_t kDigestBytes = 32;
constexpr int64_t kAlignment = 64;
constexpr int64_t kPreamble = 64;
constexpr int64_t kMostHeader = int64_t{1} << 30;

std::string number(uint64_t value, int bytes) {
  std::string out;
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i) & 255);
  return out;
}

uint64_t number_at(std::string_view bytes, size_t offset, int count) {
  uint64_t value = 0;
  for (int i = 0; i < count; ++i) {
    value |= static_cast<uint64_t>(static_cast<unsigned char>(bytes[offset + static_cast<size_t>(i)])) << (8 * i);
  }
  return value;
}

int64_t aligned(int64_t size) { return (size + kAlignment - 1) / kAlignment * kAlignment; }
std::string zeros_behind(int64_t size) { return std::string(static_cast<size_t>(aligned(size) - size), '\0'); }

/// What identifies a pack.
std::string identity(std::string_view header, std::string_view table) {
  Sha256 digest;
  digest.update(header);
  digest.update(table);
  return digest.bytes();
}

std::string digest_of(std::span<const std::byte> bytes) {
  Sha256 digest;
  digest.update(bytes);
  return digest.bytes();
}

[[noreturn]] void wrong(const InputFile& file, std::string_view expected, const std::string& got) {
  fail(ErrorKind::data, "[pack] expected {}, got {} ({})", expected, got, file.path().string());
}

void require_zeros(const InputFile& file, std::string_view bytes) {
  if (bytes.find_first_not_of('\0') != std::string_view::npos) wrong(file, "zeros between its parts", "other bytes");
}

/// Bytes of the file; Error{data} where it ends before.
std::string bytes_at(const InputFile& file, int64_t offset, int64_t size) {
  if (size > file.size() - offset) {
    wrong(file, fmt::format("{} bytes or more", offset + size), fmt::format("{}: truncated?", file.size()));
  }
  std::string out(static_cast<size_t>(size), '\0');
  if (!file.read(offset, std::as_writable_bytes(std::span(out)))) wrong(file, "a whole file", "one cut meanwhile");
  return out;
}

const Header& checked(const Header& header, const std::filesystem::path& path) {
  check(header, path.string());
  return header;
}

}  // namespace

Reader::Reader(std::filesystem::path path) : file_(std::move(path)) {
  const std::string preamble = bytes_at(file_, 0, std::min(kPreamble, file_.size()));
  if (!preamble.starts_with(kMagic)) wrong(file_, "a sample pack (.qpack)", "another file");
  if (file_.size() < kPreamble) wrong(file_, "64 bytes or more", fmt::format("{}: truncated?", file_.size()));
  if (const uint64_t version = number_at(preamble, 8, 4); version != kVersion) {
    wrong(file_, fmt::format("a pack of version {}", kVersion), std::to_string(version));
  }
  const uint64_t header_bytes = number_at(preamble, 16, 8);
  if (header_bytes > static_cast<uint64_t>(kMostHeader)) {
    wrong(file_, fmt::format("a header of at most {} bytes", kMostHeader), std::to_string(header_bytes));
  }
  const auto text_bytes = static_cast<int64_t>(header_bytes);
  require_zeros(file_, preamble.substr(12, 4) + preamble.substr(56));
  std::string text = bytes_at(file_, kPreamble, aligned(text_bytes));
  require_zeros(file_, std::string_view(text).substr(header_bytes));
  text.resize(header_bytes);
  header_ = header_from(text, file_.path().string());
  const int64_t table_begin = kPreamble + aligned(text_bytes), table_bytes = header_.count() * kDigestBytes;
  table_ = bytes_at(file_, table_begin, aligned(table_bytes));
  require_zeros(file_, std::string_view(table_).substr(static_cast<size_t>(table_bytes)));
  table_.resize(static_cast<size_t>(table_bytes));
  if (const std::string found = identity(text, table_); found != preamble.substr(24, kDigestBytes)) {
    wrong(file_, "SHA-256 " + to_hex(preamble.substr(24, kDigestBytes)) + " of header and table", to_hex(found));
  }
  sha256_ = to_hex(preamble.substr(24, kDigestBytes));
  images_begin_ = table_begin + aligned(table_bytes);
  // No overflow: sides are at most 2^16 and images at most as many as the header has bytes.
  if (const int64_t end = images_begin_ + header_.count() * header_.image_bytes(); end != file_.size()) {
    wrong(file_, fmt::format("{} bytes", end),
          fmt::format("{}{}", file_.size(), file_.size() < end ? ": truncated?" : ""));
  }
}

Tensor Reader::read(int64_t first, int64_t count) const {
  ensure(first >= 0 && count > 0 && count <= header_.count() - first,
         "[pack] expected images in [0,{}), got {} from {} on", header_.count(), count, first);
  Tensor images(DType::u8, {count, 3, header_.height, header_.width});
  const auto bytes = static_cast<size_t>(header_.image_bytes());
  const std::span<std::byte> all(images.mutable_bytes(), images.size_bytes());
  if (!file_.read(images_begin_ + first * header_.image_bytes(), all))
    wrong(file_, "a whole file", "one cut meanwhile");
  for (int64_t i = 0; i < count; ++i) {
    const std::span<const std::byte> image = all.subspan(static_cast<size_t>(i) * bytes, bytes);
    if (digest_of(image) == table_.substr(static_cast<size_t>((first + i) * kDigestBytes), kDigestBytes)) continue;
    wrong(file_, fmt::format("image {} as it was packed", first + i), "other bytes (damaged file)");
  }
  return images;
}

Writer::Writer(std::filesystem::path path, const Header& header)
    : file_(path), text_(to_text(checked(header, path))), count_(header.count()), image_bytes_(header.image_bytes()) {
  const auto text_bytes = static_cast<int64_t>(text_.size());
  if (text_bytes > kMostHeader) {
    fail(ErrorKind::data, "[pack] expected a header of at most {} bytes, got {}", kMostHeader, text_bytes);
  }
  file_.write(std::string(kPreamble, '\0'));  // until finish()
  file_.write(text_ + zeros_behind(text_bytes));
  file_.write(std::string(static_cast<size_t>(aligned(count_ * kDigestBytes)), '\0'));
}

void Writer::add(std::span<const uint8_t> image) {
  ensure(static_cast<int64_t>(image.size()) == image_bytes_, "[pack] expected an image of {} bytes, got {}",
         image_bytes_, image.size());
  ensure(static_cast<int64_t>(table_.size()) < count_ * kDigestBytes, "[pack] expected {} images, got more", count_);
  table_ += digest_of(std::as_bytes(image));
  file_.write({reinterpret_cast<const char*>(image.data()), image.size()});
}

std::string Writer::finish() {
  ensure(static_cast<int64_t>(table_.size()) == count_ * kDigestBytes, "[pack] expected {} images, got {}", count_,
         table_.size() / kDigestBytes);
  const std::string digest = identity(text_, table_);
  const auto text_bytes = static_cast<int64_t>(text_.size());
  file_.overwrite(0, std::string(kMagic) + number(kVersion, 4) + number(0, 4) + number(text_.size(), 8) + digest);
  file_.overwrite(kPreamble + aligned(text_bytes), table_);
  file_.commit();
  return to_hex(digest);
}

}  // namespace quench::pack
