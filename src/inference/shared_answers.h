#pragma once

#include <string>
#include <vector>

#include "core/byte_string.h"
#include "core/labelled_images.h"
#include "core/shards.h"
#include "score/scorer.h"

namespace quench::inference {

/// What one process has to say of its share of a split: of each image, in order, the answer and what is true of it, and
/// which images it left out. A scorer that gets these of all shares, in their order, has got what it would have got
/// from one process: so every figure is the same, to the last bit.
class SharedAnswers {
 public:
  static constexpr const char* kForm = "answers 1";

  void add(const score::Answer& answer, const Truth& truth);
  std::string take(const std::vector<LeftOutImage>& left_out);

 private:
  ByteWriter answers_{kForm};
  int64_t images_ = 0;
};

/// Adds the answers of all shares, by rank, to a scorer without images. Returns the images that were left out, by
/// index. Throws Error{data} for bytes that are none of SharedAnswers.
std::vector<LeftOutImage> add_shares(const std::vector<std::string>& shares, score::Scorer& scorer);

}  // namespace quench::inference
