#pragma once

#include "core/byte_string.h"
#include "core/labelled_images.h"
#include "score/scorer.h"

namespace quench::score {

/// An answer for another process, equal there to the last bit: 21 bytes or so a box.
void write_answer(ByteWriter& out, const Answer& answer);
/// Inverse of it. Throws Error{data}.
Answer read_answer(ByteReader& in);

/// What is true of an image, likewise.
void write_truth(ByteWriter& out, const Truth& truth);
Truth read_truth(ByteReader& in);

}  // namespace quench::score
