#pragma once

#include <cstdint>
#include <vector>

#include "runtime/native/program.h"

namespace quench::runtime::native {

/// Memory of one or more values: pixels of `pitch` channels, with `halo` pixels around that hold what a convolution
/// pads with (the zero point, or 0).
struct Buffer {
  int64_t height = 0, width = 0, pitch = 0;
  int64_t element_bytes = 1;
  int64_t halo = 0;
  uint8_t pad = 0;                  ///< of u8; f32 pads with 0
  int first_use = 0, last_use = 0;  ///< instructions
  int64_t offset = 0;               ///< in the arena

  int64_t row_step() const { return (width + 2 * halo) * pitch; }      ///< elements
  int64_t origin() const { return halo * row_step() + halo * pitch; }  ///< element of pixel (0,0)
  int64_t bytes() const { return (height + 2 * halo) * row_step() * element_bytes; }
};

/// Where a value lies: channels `channel` and following of a buffer's pixels. Direct outputs have no buffer.
struct Place {
  int buffer = -1;
  int64_t channel = 0;
};

struct Layout {
  std::vector<Buffer> buffers;
  std::vector<Place> places;  ///< of each value
  int64_t arena_bytes = 0;
  int64_t values_bytes = 0;  ///< what the buffers take where none shares memory
};

/// Parts of a concat are written into the whole by those that make them, and a split's outputs are parts of its input,
/// where lifetimes allow; other parts are copied. Buffers whose lifetimes do not meet share memory (greedy by size:
/// Pisarchyk and Lee 2020, "Efficient memory management for deep neural net inference", algorithm 3).
/// Throws Error{unsupported} naming the value for more than 2^40 bytes.
Layout lay_out(const Program& program);

/// Whether part i of a concat already lies where the whole wants it.
bool in_place(const Layout& layout, const Program& program, const Instruction& concat, size_t i);

}  // namespace quench::runtime::native
