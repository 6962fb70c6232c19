#pragma once

#include <string>

#include "core/json.h"
#include "core/tensor.h"

namespace quench::cli {

/// The picture that `bench --end-to-end` takes: a file's bytes, in memory.
struct BenchPicture {
  std::string name;
  std::string kind;  ///< picture_files/decode.h
  int64_t height = 0, width = 0;
  std::string bytes;
};

/// options: `picture`, a file; null: the made one. It is read and decoded once. Throws Error{io} where it is missing,
/// Error{data} for what is no picture or damaged.
BenchPicture bench_picture(const Json& options);

/// [height,width,3] uint8 RGB, always the same for a size: sums of seeded noise of all sizes, the smaller the weaker,
/// with less colour than brightness, as photographs have, so that its JPEG takes about as many bytes as theirs. Where
/// nobody names a picture.
Tensor made_picture(int height, int width);

/// {name, kind, height, width, bytes}
Json to_json(const BenchPicture& picture);
/// "made, jpeg 1920x1080, 512 kB"
std::string described(const BenchPicture& picture);

}  // namespace quench::cli
