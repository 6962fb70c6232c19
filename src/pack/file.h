#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "core/file.h"
#include "core/hash.h"
#include "core/tensor.h"
#include "pack/header.h"

namespace quench::pack {

// A sample pack (.qpack): test images as the model sees them, with labels, in one file. Numbers are little-endian.
//
//   0    8 bytes   "qpack\r\n\x1a"
//   8    u32       version: 1
//   12   u32       0
//   16   u64       bytes of the header
//   24   32 bytes  SHA-256 of header and table: it identifies the pack
//   56   u64       0
//   64             header: JSON (header.h), then zeros to a multiple of 64
//                  table: SHA-256 of each image, 32 bytes each, then zeros to a multiple of 64
//                  images: uint8 [3,H,W] RGB each, without gaps, to the end of the file

/// Reads a pack image by image: header and table lie in memory, images do not.
class Reader {
 public:
  /// Reads and checks all but the images. Throws Error{io}; Error{data} naming the file for what is no pack, of another
  /// version, truncated, longer than it says, or damaged.
  explicit Reader(std::filesystem::path path);

  const Header& header() const { return header_; }
  /// Of header and table, so of all content: 64 hex digits.
  const std::string& sha256() const { return sha256_; }
  const std::filesystem::path& path() const { return file_.path(); }

  /// Images [first, first + count): [count,3,H,W] uint8. Throws Error{data} naming the image that is not what was
  /// packed, Error{internal} outside the pack. May be called from many threads.
  Tensor read(int64_t first, int64_t count) const;

 private:
  InputFile file_;
  Header header_;
  std::string sha256_;
  std::string table_;         // digests, 32 bytes each
  int64_t images_begin_ = 0;  // in the file
};

/// Writes a pack image by image; it comes to be as a whole or not at all.
class Writer {
 public:
  /// Throws Error{data} for a header that check() refuses, Error{io}.
  Writer(std::filesystem::path path, const Header& header);
  /// The next image, planar [3,H,W] RGB. Throws Error{io}, Error{internal} for another size or one image too many.
  void add(std::span<const uint8_t> image);
  /// Ends the file. Returns the pack's sha256. Throws Error{io}, Error{internal} where images are missing.
  std::string finish();

 private:
  NewFile file_;
  std::string text_;   // header
  std::string table_;  // digests so far, 32 bytes each
  int64_t count_, image_bytes_;
};

}  // namespace quench::pack
