#pragma once

#include <cstdint>

namespace quench::train {

/// One object to be found. Centre and size are fractions of the canvas (what the network sees).
struct Target {
  int64_t image = 0;  ///< in the batch
  int64_t label = 0;
  float cx = 0, cy = 0, width = 0, height = 0;
};

}  // namespace quench::train
